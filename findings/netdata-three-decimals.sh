#!/usr/bin/env bash
# Netdata 1.37.1 keeps three decimals of a gauge that it gets by statsd: the price 0.00000158 is 0. Its export for Prometheus
# with source=as-collected shows the price times 1000. PEPE and pepe are one chart.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install netdata-core=1.37.1-2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
PATH=$dir/root/usr/sbin:$PATH
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

port=$((20000 + RANDOM % 1000 * 2)) statsd=$((port + 1))
url=http://127.0.0.1:$port/api/v1
mkdir etc cache lib log
cat >etc/netdata.conf <<EOS
[global]
  run as user = $(id -un)
[directories]
  config = $dir/etc
  stock config = $dir/root/usr/lib/netdata/conf.d
  plugins = $dir/root/usr/lib/netdata/plugins.d
  web = $dir/root/usr/share/netdata/web
  cache = $dir/cache
  lib = $dir/lib
  log = $dir/log
[db]
  mode = alloc
[web]
  bind to = 127.0.0.1:$port
[statsd]
  bind to = tcp:127.0.0.1:$statsd
[plugins]
  enable running new plugins = no
  proc = no
  diskspace = no
  cgroups = no
  tc = no
  idlejitter = no
  timex = no
  apps = no
  netdata monitoring = no
EOS
netdata -D -c etc/netdata.conf >netdata.log 2>&1 &
pids+=($!)
for _ in {1..100}; do (: </dev/tcp/127.0.0.1/$statsd) 2>/dev/null && break || sleep 0.1; done
for _ in {1..6}; do # a gauge stays what it was set to
	printf '%s|g\n' BTC:60214.30 CENT:0.0123456 SMALL:0.00000158 PEPE:5 pepe:6 >"/dev/tcp/127.0.0.1/$statsd"
	sleep 1
done
got=$(
	for name in btc cent small; do
		curl -sf "$url/data?chart=statsd_$name.gauge&after=-2&format=csv" | tail -1 | sed "s/.*,/$name: /" | tr -d '\r'
		echo
	done | grep .
	echo "charts of PEPE and pepe: $(curl -sf "$url/charts" | grep -ciE '"id": "statsd_pepe')"
	curl -sf "$url/allmetrics?format=prometheus&source=as-collected" | awk '/^netdata_statsd_btc/ { print "exported for btc:", $2 }'
) || exit 2
want='btc: 60214.3
cent: 0.012
small: 0
charts of PEPE and pepe: 1
exported for btc: 60214300'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
