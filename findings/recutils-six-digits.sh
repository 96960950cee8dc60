#!/usr/bin/env bash
# recsel of recutils 1.9 prints what it aggregates with six digits: the largest price is one that nobody sent, and the
# largest time in milliseconds gets an exponent. The fields themselves stay as they are.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install recutils=1.9-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

cat >prices.rec <<'EOF'
price: 60214.35
ts: 1710000000123

price: 60213.99
ts: 1710000000456
EOF
got=$(
	timeout 20 recsel -p price prices.rec | grep .
	timeout 20 recsel -p 'Max(price),Min(price),Avg(price),Max(ts)' prices.rec
) || exit 2
want='price: 60214.35
price: 60213.99
Max_price: 60214.3
Min_price: 60214
Avg_price: 60214.2
Max_ts: 1.71e+12'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
