#!/usr/bin/env bash
# rsyslog 8.2302.0 keeps a price of a JSON line to the letter, but its conditions know whole numbers and texts only:
# 9.7 is not greater than 9, and 60214.30 is not greater than "9.5", because 6 comes before 9.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install rsyslog=8.2302.0-1+deb12u2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/sbin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

cat >log.conf <<EOF
global(workDirectory="$dir")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="mmjsonparse")
template(name="line" type="string" string="%\$!price%:%\$!seen%\n")
ruleset(name="prices") {
	action(type="mmjsonparse" cookie="")
	set \$!seen = "";
	if \$!price > 9 then set \$!seen = \$!seen & " greater than 9;";
	if \$!price > "9.5" then set \$!seen = \$!seen & " greater than \"9.5\";";
	if \$!price < 1 then set \$!seen = \$!seen & " less than 1;";
	action(type="omfile" file="$dir/seen" template="line")
}
input(type="imfile" file="$dir/prices" tag="price:" ruleset="prices")
EOF
for price in 60214.30 100 10.5 9.7 9.2 0.5; do
	echo "{\"price\":$price}"
done >prices
rsyslogd -n -f log.conf -i "$dir/pid" -M "$dir/root/usr/lib/$(uname -m)-linux-gnu/rsyslog" >log 2>&1 &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ -e seen ] && [ "$(wc -l <seen)" -ge 6 ] && break
	sleep 0.1
done
[ -s seen ] || exit 2
got=$(cat seen)
want='60214.30: greater than 9;
100: greater than 9;
10.5: greater than 9;
9.7: greater than "9.5";
9.2:
0.5: less than 1;'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
