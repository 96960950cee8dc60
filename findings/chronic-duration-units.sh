#!/usr/bin/env bash
# ruby-chronic-duration 0.10.6.2 drops a unit that it does not know and assumes seconds: 500ms is 500 seconds, 250us
# is 250 seconds. 0s is nil.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install ruby3.1=3.1.7+really3.1.2-0+deb12u1 ruby-chronic-duration=0.10.6.2-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

lib=$dir/root/usr/lib
export RUBYLIB=$lib/ruby/vendor_ruby:$lib/ruby/3.1.0:$lib/$(uname -m)-linux-gnu/ruby/3.1.0
got=$(ruby3.1 --disable-gems -e '
require "gitlab_chronic_duration"
%w[1m 1m30s 30s 500ms 250us 0s].each { |d| puts "#{d} #{ChronicDuration.parse(d).inspect}" }') || exit 2
want='1m 60
1m30s 90
30s 30
500ms 500
250us 250
0s nil'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
