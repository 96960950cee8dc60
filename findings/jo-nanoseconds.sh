#!/usr/bin/env bash
# jo 1.9, which makes JSON in shell scripts, rounds a time in nanoseconds and writes it with an exponent, and writes
# an instrument that looks like a number as a number. -s keeps a text; nothing helps for whole numbers of more than
# 16 digits.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install jo=1.9-1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

got=$(
	jo instrument=BTC_USDT price=60214.30 ts=1710000000123
	jo instrument=1E5 price=0.10 ts=1710000000123456789
	jo -- -s instrument=1E5 -n ts=1710000000123456789
) || exit 2
want='{"instrument":"BTC_USDT","price":60214.3,"ts":1710000000123}
{"instrument":100000,"price":0.1,"ts":1.710000000123457e+18}
{"instrument":"1E5","ts":1.710000000123457e+18}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
