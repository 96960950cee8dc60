#!/usr/bin/env bash
# awk of busybox 1.35.0: printf "%d" of a number from 2^31 on prints -2147483648, and there is no error. print and int()
# of the same number are exact.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here; nothing is installed. Needs apt-get update first.
apt-get -qq -o APT::Sandbox::User=root download busybox=1:1.35.0-4+deb12u1+b1 >/dev/null || exit 2
dpkg-deb -x busybox*.deb root || exit 2
awk() { root/bin/busybox awk "$@"; }

got=$(
	echo "seconds: $(awk 'BEGIN { printf "%d", 1710000000 }')"
	echo "milliseconds: $(awk 'BEGIN { printf "%d", 1710000000123 }')"
	echo "from a line: $(echo 1710000000123 | awk '{ printf "%d", $1 }')"
	echo "2147483647: $(awk 'BEGIN { printf "%d", 2147483647 }')"
	echo "2147483648: $(awk 'BEGIN { printf "%d", 2147483648 }')"
	echo "print: $(awk 'BEGIN { print 1710000000123 + 1 }')"
	echo "with %.0f: $(awk 'BEGIN { printf "%.0f", 1710000000123 }')"
) || exit 2
want='seconds: 1710000000
milliseconds: -2147483648
from a line: -2147483648
2147483647: 2147483647
2147483648: -2147483648
print: 1710000000124
with %.0f: 1710000000123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
