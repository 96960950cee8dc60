#!/usr/bin/env bash
# mksh 59c counts with 32 bits, on a 64-bit machine too: a time in milliseconds becomes another number, without an error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install mksh=59c-28+deb12u1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
cat >probe.sh <<'EOF'
echo "seconds: $((1710000000123 / 1000))"
echo "a second later: $((1710000000123 + 1000))"
ts=1710000000123
if ((ts > 1700000000000)); then echo "newer: yes"; else echo "newer: no"; fi
echo "as text: $ts"
EOF
got=$(timeout 20 root/bin/mksh probe.sh) || exit 2
want='seconds: 603016
a second later: 603017315
newer: yes
as text: 1710000000123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
