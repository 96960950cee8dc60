#!/usr/bin/env bash
# VisiData 2.11 takes the type of a column of JSON lines from its first value, and saves what it shows. When the first
# price has a fraction, all are saved with two decimals; when it is a whole number, all are saved without.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install visidata=2.11-1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PYTHONPATH=$dir/root/usr/lib/python3/dist-packages HOME=$dir
python=/usr/bin/python3
[ -x $python ] || python=$dir/root$python

prices='{"instrument":"BTC_USDT","price":60214.50}
{"instrument":"PEPE_USDT","price":0.00000158}'
echo "$prices" >fraction.jsonl
printf '{"instrument":"SPX","price":6000}\n%s\n' "$prices" >whole.jsonl
for name in fraction whole; do
	timeout 60 $python root/usr/bin/visidata -b $name.jsonl -o $name.csv >/dev/null 2>&1 || exit 2
done
got=$(
	echo "the first price has a fraction:"
	tr -d '\r' <fraction.csv
	echo "the first price is whole:"
	tr -d '\r' <whole.csv
)
want='the first price has a fraction:
instrument,price
BTC_USDT,60214.50
PEPE_USDT,0.00
the first price is whole:
instrument,price
SPX,6000
BTC_USDT,60214
PEPE_USDT,0'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
