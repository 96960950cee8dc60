#!/usr/bin/env bash
# syslog-ng 3.38.1 writes each fraction that its JSON parser reads with six decimals, as text: a price of 0.0000004
# becomes "0.000000", and format-json cannot get it back. Whole numbers stay exact.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install syslog-ng-core=3.38.1-5+deb12u1 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/sbin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu:$dir/root/usr/lib/syslog-ng
modules=$(echo root/usr/lib/syslog-ng/*/)

cat >log.conf <<EOF
@version: 3.38
@module json-plugin
source prices { file("$dir/prices" flags(no-parse)); };
parser json { json-parser(prefix("p.")); };
destination seen { file("$dir/seen" template("\$(format-json --key p.* --rekey p.* --shift-levels 1)\n")); };
log { source(prices); parser(json); destination(seen); };
EOF
cat >prices <<'EOF'
{"price":60214.30}
{"price":0.000158}
{"price":1.58E-4}
{"price":0.0000004}
{"price":60214.12345678}
{"price":60214,"ts":1710000000123456789}
EOF
syslog-ng -F --no-caps -f log.conf -p pid -R persist -c control --module-path="$dir/$modules" >log 2>&1 &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ -e seen ] && [ "$(wc -l <seen)" -ge 6 ] && break
	sleep 0.1
done
[ -s seen ] || exit 2
got=$(paste -d' ' prices seen)
want='{"price":60214.30} {"price":"60214.300000"}
{"price":0.000158} {"price":"0.000158"}
{"price":1.58E-4} {"price":"0.000158"}
{"price":0.0000004} {"price":"0.000000"}
{"price":60214.12345678} {"price":"60214.123457"}
{"price":60214,"ts":1710000000123456789} {"ts":"1710000000123456789","price":"60214"}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
