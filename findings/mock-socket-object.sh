#!/usr/bin/env bash
# mock-socket 9.3.1, for tests of WebSocket clients, hands an object that is sent to the server as an object. A real
# WebSocket sends the text "[object Object]". A close by the mock server is never clean.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts mock-socket@9.3.1 undici@7.30.2 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const mock = require('mock-socket');
const real = require('ws');
const use = (WebSocket, url, done) => {
  const ws = new WebSocket(url, ['backbone.v1']);
  ws.onopen = () => ws.send({ type: 'join', room: 'A' });
  ws.onclose = e => done(`close ${e.code} clean ${e.wasClean}`);
  ws.onerror = () => {};
};
const told = m => `${typeof m} ${typeof m === 'string' ? m : JSON.stringify(m)}`;
const server = new mock.Server('ws://prices.test/ws');
server.on('connection', ws => ws.on('message', m => {
  console.log(`mock: server got ${told(m)}`);
  ws.close({ code: 4408, reason: 'late', wasClean: true });
}));
use(mock.WebSocket, 'ws://prices.test/ws', end => {
  console.log(`mock: client got ${end}`);
  const server = new real.WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    const { WebSocket } = require('undici');
    use(WebSocket, `ws://127.0.0.1:${server.address().port}/ws`, end => { console.log(`real: client got ${end}`); process.exit(); });
  });
  server.on('connection', ws => ws.on('message', m => { console.log(`real: server got ${told(m.toString())}`); ws.close(4408, 'late'); }));
});
EOF
got=$(timeout 60 node probe.js) || exit 2
want='mock: server got object {"type":"join","room":"A"}
mock: client got close 4408 clean false
real: server got string [object Object]
real: client got close 4408 clean true'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
