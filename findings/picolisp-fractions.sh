#!/usr/bin/env bash
# PicoLisp 23.2 has fixed-point numbers, and its JSON reader rounds a price to the current scale, which is zero digits:
# 60214.30 is 60214, 0.00000158 is 0 and -0.7 is -1. With (scl 8) a price is a whole number of units of 1e-8, and is
# written as one: 6021430000000. Exponents are refused.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of its dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install picolisp=23.2-1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
usr=$dir/root/usr
export LD_LIBRARY_PATH=$usr/lib/$(uname -m)-linux-gnu

cat >probe.l <<EOS
(load "$usr/lib/picolisp/lib/json.l")
(for Text '("{\"price\":60214.30}" "{\"price\":0.00000158}" "{\"price\":-0.7}" "{\"price\":60214}")
   (prin Text ": ")
   (printJson (parseJson Text))
   (prinl) )
(scl 8)
(prin "scale 8: ")
(printJson (parseJson "{\"price\":60214.30,\"ts\":1710000000123}"))
(prinl)
(bye)
EOS
got=$(timeout 20 root/usr/bin/picolisp "$usr/lib/picolisp/lib.l" probe.l </dev/null) || exit 2
want='{"price":60214.30}: {"price": 60214}
{"price":0.00000158}: {"price": 0}
{"price":-0.7}: {"price": -1}
{"price":60214}: {"price": 60214}
scale 8: {"price": 6021430000000, "ts": 1710000000123}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
