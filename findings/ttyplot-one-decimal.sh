#!/usr/bin/env bash
# ttyplot 1.4 prints last, min, max and avg with one decimal, whatever the values are: a price below 0.05 is 0.0, and
# 60214.55 is 60214.6. There is no option for it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of its dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install ttyplot=1.4+77.g1a1693b-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH TERM=xterm LC_ALL=C

# shown prints what the plot says of one price.
shown() {
	cat >plot <<-END
		stty cols 100 rows 24
		(echo $1; sleep 1) | timeout --foreground 3 root/usr/bin/ttyplot
	END
	script -qec 'bash plot' /dev/null </dev/null | tr '\033' '\n' | grep -oE 'last=.*' | head -1
}
got=$(for price in 0.00001234 0.049 0.051 1.0005 60214.55; do echo "$price: $(shown "$price")"; done) || exit 2
want='0.00001234: last=0.0 min=0.0 max=0.0 avg=0.0
0.049: last=0.0 min=0.0 max=0.0 avg=0.0
0.051: last=0.1 min=0.1 max=0.1 avg=0.1
1.0005: last=1.0 min=1.0 max=1.0 avg=1.0
60214.55: last=60214.6 min=60214.6 max=60214.6 avg=60214.6'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
