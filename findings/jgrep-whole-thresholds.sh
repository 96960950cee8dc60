#!/usr/bin/env bash
# jgrep 1.5.4 compares prices as whole numbers only if both are written without a point, and as fractions only if both
# have one. Otherwise the document does not match: price>9 does not find 60214.30, and price>9.0 does not find 150.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of its dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install jgrep=1.5.4-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
usr=$dir/root/usr
jgrep=$usr/share/rubygems-integration/all/gems/jgrep-1.5.4
# Debian's Ruby, from here or from the machine.
ruby=$usr/bin/ruby3.1
[ -x "$ruby" ] || ruby=ruby
lib=lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$usr/$lib
export RUBYLIB=$usr/lib/ruby/3.1.0:$usr/$lib/ruby/3.1.0:$usr/lib/ruby/vendor_ruby

cat >prices.json <<'EOS'
[{"instrument":"BTC","price":60214.30},{"instrument":"ETH","price":9.7},{"instrument":"SOL","price":150}]
EOS
got=$(
	for rule in 'price>9' 'price>9.0' 'price>100' 'price>100.0'; do
		echo "$rule: $(timeout 20 "$ruby" --disable-gems -I "$jgrep/lib" "$jgrep/bin/jgrep" -s instrument "$rule" <prices.json | xargs)"
	done
) || exit 2
want='price>9: One or more the json documents could not be parsed. Run jgrep -v for to display documents SOL
price>9.0: One or more the json documents could not be parsed. Run jgrep -v for to display documents BTC ETH
price>100: One or more the json documents could not be parsed. Run jgrep -v for to display documents SOL
price>100.0: One or more the json documents could not be parsed. Run jgrep -v for to display documents BTC'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
