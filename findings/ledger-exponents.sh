#!/usr/bin/env bash
# ledger 3.3.0 takes the E of a price in its price history for the end of the number: PEPE $1.58E-6 is $1.58, and
# BTC 1E+3 USD is one of a commodity E. There is no error. hledger 1.25 reads both as they are meant.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install ledger=3.3.0-3 hledger=1.25-2+b5 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
lib=$dir/root/usr/lib
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$lib/$(uname -m)-linux-gnu:$lib/ledger

cat >journal <<'EOF'
P 2026-11-27 BTC_USDT $60214.30
P 2026-11-27 PEPE $0.00000158
P 2026-11-27 SHIB $1.58E-6
P 2026-11-27 ETH 1E+3 USD

2026-11-27 all of them
  Assets:Coins  1 BTC_USDT
  Assets:Coins  1 PEPE
  Assets:Coins  1 SHIB
  Assets:Coins  1 ETH
  Equity
EOF
got=$(
	timeout 20 ledger -f journal prices | awk '{print "ledger", $2, $3}'
	timeout 20 hledger -f journal prices | awk '{print "hledger", $3, $4, $5}' | sed 's/ $//'
) || exit 2
want='ledger BTC_USDT $60214.3
ledger PEPE $0.00000158
ledger SHIB $1.58
ledger ETH E1
hledger BTC_USDT $60214.30
hledger PEPE $0.00000158
hledger SHIB $0.00000158
hledger ETH 1000 USD'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
