#!/usr/bin/env bash
# rrdtool 1.7.2 accepts one update with a time in milliseconds as a date in the far future, and then refuses every
# update in seconds: the file takes no prices any more.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install rrdtool=1.7.2-4+b8 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

say() { "$@" >/dev/null 2>said && echo "ok" || sed "s#^ERROR: [^ ]*: ##; s# (minimum.*##" said; }
rrdtool create p.rrd --start 1710000000 --step 10 DS:price:GAUGE:20:U:U RRA:LAST:0.5:1:10 || exit 2
got=$(
	echo "seconds: $(say rrdtool update p.rrd 1710000010:60214.30)"
	echo "milliseconds: $(say rrdtool update p.rrd 1710000020123:60214.31)"
	echo "seconds: $(say rrdtool update p.rrd 1710000030:60214.32)"
)
want='seconds: ok
milliseconds: ok
seconds: illegal attempt to update using time 1710000030 when last update time is 1710000020123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
