#!/usr/bin/env bash
# num-utils 0.5 (numsum, numaverage, numround) reads a number up to its exponent: 1.58E-4 is 1.58, 1e-8 is 1. A number
# with a plus sign is left out. There is no error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install num-utils=0.5-15 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

got=$(
	echo "sum of 0.000158 and 0.0002: $(printf '0.000158\n0.0002\n' | numsum)"
	echo "sum of 1.58E-4 and 0.0002: $(printf '1.58E-4\n0.0002\n' | numsum)"
	echo "sum of 1e-8 and 0.0002: $(printf '1e-8\n0.0002\n' | numsum)"
	echo "average of 1E+3 and 1000: $(printf '1E+3\n1000\n' | numaverage)"
	echo "sum of +2 and 1: $(printf '+2\n1\n' | numsum)"
) || exit 2
want='sum of 0.000158 and 0.0002: 0.000358
sum of 1.58E-4 and 0.0002: 1.5802
sum of 1e-8 and 0.0002: 1.0002
average of 1E+3 and 1000: 500.5
sum of +2 and 1: 1'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
