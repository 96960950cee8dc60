#!/usr/bin/env bash
# The http prober of blackbox_exporter 0.23.0 accepts the status 101 of a WebSocket, and then reads until the server ends the
# connection: a probe with a time-out of 2 s takes as long as the server keeps it, here 6 s. check_http 2.3.3 of the monitoring
# plugins waits in the same way, and reports a time-out. The tcp prober and check_tcp, given the request as text, answer at
# once.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install prometheus-blackbox-exporter=0.23.0-4+b4 \
	monitoring-plugins-basic=2.3.3-5+deb12u2 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
PATH=$dir/root/usr/bin:$dir/root/usr/lib/nagios/plugins:$PATH
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 >/dev/null || exit 2

port=$((20000 + RANDOM % 1000 * 2)) web=$((port + 1))
cat >server.js <<'EOS'
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: +process.argv[2] });
server.on('connection', socket => setTimeout(() => socket.terminate(), 6000));
EOS
node server.js $port &
pids+=($!)
request="GET /ws HTTP/1.1\r\nHost: 127.0.0.1:$port\r\nConnection: Upgrade\r\nUpgrade: websocket"
request+="\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
cat >modules.yml <<EOS
modules:
  http:
    prober: http
    timeout: 2s
    http:
      valid_status_codes: [101]
      headers:
        Connection: Upgrade
        Upgrade: websocket
        Sec-WebSocket-Version: "13"
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
  tcp:
    prober: tcp
    timeout: 2s
    tcp:
      query_response:
        - send: "$request\r" # the prober adds the last line feed
        - expect: "^HTTP/1.1 101"
EOS
prometheus-blackbox-exporter --config.file=modules.yml --web.listen-address=127.0.0.1:$web 2>/dev/null &
pids+=($!)
for p in $port $web; do
	for _ in {1..50}; do (: </dev/tcp/127.0.0.1/"$p") 2>/dev/null && break || sleep 0.1; done
done

# probe MODULE TARGET: the result, and which side of 4 s it took.
probe() {
	curl -sf "http://127.0.0.1:$web/probe?module=$1&target=$2" | awk -v name="$1 prober:" '
		$1 == "probe_success" { success = $2 }
		$1 == "probe_duration_seconds" { took = $2 > 4 ? "more than 4 s" : "less than 4 s" }
		END { print name, "success", success, "after", took }'
}
got=$(
	probe http "http://127.0.0.1:$port/ws"
	probe tcp "127.0.0.1:$port"
	check_http -H 127.0.0.1 -p $port -u /ws -t 2 -e 101 -k 'Connection: Upgrade' -k 'Upgrade: websocket' \
		-k 'Sec-WebSocket-Version: 13' -k 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' | sed 's/^/check_http: /'
	check_tcp -H 127.0.0.1 -p $port -t 2 -E -s "$request\r\n" -e 'HTTP/1.1 101' | sed -n '1s/ -.*//; 1s/^/check_tcp: /p'
) || true
want='http prober: success 1 after more than 4 s
tcp prober: success 1 after less than 4 s
check_http: CRITICAL - Socket timeout after 2 seconds
check_tcp: TCP OK'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
