#!/usr/bin/env bash
# espeak-ng 1.51 does not say the minus of an exponent: 1.58e-7 is spoken as "one point five eight e seven", like 1.58e7.
# flite 2.2 says "e minus seven". Both say 0.000000158 digit by digit.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of its dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install espeak-ng=1.51+dfsg-10+deb12u2 flite=2.2-5 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
lib=$dir/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$lib:$lib/pulseaudio

got=$(
	for price in 60214.30 0.000000158 1.58e-7 1.58e7; do
		# -x prints phonemes: 'i: is e, s'Ev@n is seven, m'aIn@s is minus.
		echo "espeak-ng $price: $(timeout 20 root/usr/bin/espeak-ng --path="$lib" -v en -q -x -- "$price" | xargs -d '\n' | tr -d "'")"
		echo "flite $price: $(timeout 20 root/usr/bin/flite -t "$price" -pw -o none | xargs)"
	done
) || exit 2
want='espeak-ng 60214.30: sIksti TaUz@nd_! tu:hVndrI2d@n fo@ti:n pOInt Tri: zi@roU
flite 60214.30: sixty thousand two hundred fourteen point three zero
espeak-ng 0.000000158: zi@roU pOInt zi@roU zi@roU zi@roU zi@roU zi@roU zi@roU w0n faIv eIt
flite 0.000000158: zero point zero zero zero zero zero zero one five eight
espeak-ng 1.58e-7: w0n pOInt faIv eIt i: _ sEv@n
flite 1.58e-7: one point five eight e minus seven
espeak-ng 1.58e7: w0n pOInt faIv eIt i: sEv@n
flite 1.58e7: one point five eight e seven'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
