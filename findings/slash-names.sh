#!/usr/bin/env bash
# carbon-c-relay 3.7.3 and collectd 5.12.0 store BTC/USD under the name BTC_USD, which is another instrument, and the two get
# mixed: the relay averages them, and collectd finds no BTC/USD when it is asked. Both write results with six decimals, so that
# 0.00000158 is 0.000002.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install carbon-c-relay=3.7.3-2+b2 collectd-core=5.12.0-14 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
PATH=$dir/root/usr/bin:$dir/root/usr/sbin:$PATH
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

port=$((20000 + RANDOM % 20000))
cat >relay.conf <<EOS
listen type linemode $port proto tcp;
cluster out file $dir/relay.out;
aggregate ^price\.(.+)\$
    every 10 seconds
    expire after 11 seconds
    compute average write to average.\1
    send to out
    ;
match * send to out;
EOS
carbon-c-relay -f relay.conf >relay.log 2>&1 &
pids+=($!)
cat >collectd.conf <<EOS
BaseDir "$dir"
PIDFile "$dir/pid"
PluginDir "$dir/root/usr/lib/collectd"
TypesDB "$dir/root/usr/share/collectd/types.db"
Hostname host
Interval 1
LoadPlugin csv
LoadPlugin unixsock
<Plugin csv>
  DataDir "$dir/csv"
</Plugin>
<Plugin unixsock>
  SocketFile "$dir/socket"
  SocketGroup "$(id -gn)"
</Plugin>
EOS
collectd -f -C collectd.conf >collectd.log 2>&1 &
pids+=($!)
for _ in {1..50}; do (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && [ -S socket ] && break || sleep 0.1; done

now=$(($(date +%s) / 10 * 10))
printf 'price.%s %s\n' BTC/USD "60214.30 $now" BTC_USD "60215.30 $now" PEPE "0.00000158 $now" >"/dev/tcp/127.0.0.1/$port"

cat >probe.js <<'EOS'
const socket = require('net').connect('socket');
const ask = line => new Promise(done => {
  socket.once('data', data => done(data.toString().trim().split('\n').pop()));
  socket.write(`${line}\n`);
});
(async () => {
  await ask('PUTVAL host/price/gauge-BTC/USD N:60214.30');
  await ask('PUTVAL host/price/gauge-PEPE N:0.00000158');
  console.log('collectd has for BTC/USD:', await ask('GETVAL host/price/gauge-BTC/USD'));
  console.log('collectd has for BTC_USD:', await ask('GETVAL host/price/gauge-BTC_USD'));
  process.exit();
})();
EOS
got=$(
	timeout 20 node probe.js
	for _ in {1..50}; do [ -s csv/host/price/gauge-PEPE-* ] && break || sleep 0.1; done 2>/dev/null
	sed -n '$s/.*,/collectd writes for PEPE: /p' csv/host/price/gauge-PEPE-*
	for _ in {1..300}; do grep -qs average.PEPE relay.out && break || sleep 0.1; done
	awk '{ print "the relay writes", $1, $2 }' relay.out | sort
) || exit 2
want='collectd has for BTC/USD: -1 No such value.
collectd has for BTC_USD: value=6.021430e+04
collectd writes for PEPE: 0.000002
the relay writes average.BTC_USD 60214.800000
the relay writes average.PEPE 0.000002
the relay writes price.BTC_USD 60214.30
the relay writes price.BTC_USD 60215.30
the relay writes price.PEPE 0.00000158'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
