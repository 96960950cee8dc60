#!/usr/bin/env bash
# An unquoted 9:30 in YAML is 34200 for Ruby 3.1.2 (Psych) and 570 for YAML::Syck 1.34 (Perl). Both read base 60,
# Ruby from the hour down. Readers of YAML 1.2 take it as text.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install ruby3.1=3.1.7+really3.1.2-0+deb12u1 libyaml-syck-perl=1.34-2+deb12u3 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

lib=$dir/root/usr/lib
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/$(uname -m)-linux-gnu/ruby/3.1.0
echo 'opens: 9:30' >hours.yaml
got=$(
	echo "Ruby $(ruby3.1 --disable-gems -ryaml -e 'puts YAML.load_file("hours.yaml")["opens"].inspect')"
	# shellcheck disable=SC2016 # Perl's variables
	echo "Perl $(PERL5LIB=$lib/$(uname -m)-linux-gnu/perl5/5.36 perl -MYAML::Syck -e '$YAML::Syck::ImplicitTyping = 1; print LoadFile("hours.yaml")->{opens}')"
) || exit 2
want='Ruby 34200
Perl 570'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
