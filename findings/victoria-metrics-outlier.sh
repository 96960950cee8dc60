#!/usr/bin/env bash
# VictoriaMetrics 1.79.5 rounds prices that it has stored already when a far larger value follows: 0.00001234 becomes
# 0.000012 after a time in milliseconds got into the place of a price. All values of a block share one exponent. It
# happens when parts are merged, which the server does by itself and is told to do here.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install victoria-metrics=1.79.5+ds1-2+b5 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

port=$((20000 + RANDOM % 20000))
url=http://127.0.0.1:$port
victoria-metrics -httpListenAddr=127.0.0.1:$port -storageDataPath="$dir/data" -loggerLevel=ERROR >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait; rm -rf "$dir"' EXIT
for _ in $(seq 100); do
	curl -sf "$url/health" >/dev/null && break
	sleep 0.1
done
now=$(date +%s)
put() { curl -sf -d "{\"metric\":{\"__name__\":\"price\"},\"values\":[$2],\"timestamps\":[$((now + $1))000]}" "$url/api/v1/import" || exit 2; }
see() { # COUNT: the values, when there are COUNT of them
	local values
	for _ in $(seq 100); do
		curl -sf "$url/internal/force_flush" >/dev/null
		curl -sf "$url/internal/force_merge" >/dev/null
		values=$(curl -sfg "$url/api/v1/export?match[]=price" | sed 's/.*"values":\[\([^]]*\)\].*/\1/')
		[ "$(tr -cd , <<<"$values" | wc -c)" = $(($1 - 1)) ] && break
		sleep 0.1
	done
	echo "$values"
}
put 0 0.00001234
put 1 0.00001235
before=$(see 2)
put 2 1710000000123
got="before: $before"$'\n'"after: $(see 3)"
want='before: 0.00001234,0.00001235
after: 0.000012,0.000012,1710000000123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
