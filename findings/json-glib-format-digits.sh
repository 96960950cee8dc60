#!/usr/bin/env bash
# json-glib-format 1.6.6 changes numbers, and not only the space between them: each that is not whole comes out with 17
# digits, with and without --prettify. 64000.1 becomes 64000.099999999999. jshon 20131010 prints the same digits of a value
# that it takes out. Whole numbers and texts stay.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install json-glib-tools=1.6.6-1 jshon=20131010-3+b1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

echo '{"price":64000.1,"bid":64000.10,"small":0.00000012,"whole":64000,"ts":1710000000123,"text":"64000.10"}' >price.json
got=$(
	json-glib-format price.json
	json-glib-format --prettify price.json | grep price
	for key in price whole ts; do jshon -e "$key" -u <price.json; done
) || exit 2
want='{"price":64000.099999999999,"bid":64000.099999999999,"small":1.1999999999999999e-07,"whole":64000,"ts":1710000000123,"text":"64000.10"}
  "price" : 64000.099999999999,
64000.099999999999
64000
1710000000123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
