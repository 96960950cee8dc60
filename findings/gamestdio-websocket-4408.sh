#!/usr/bin/env bash
# @gamestdio/websocket 0.3.2, a browser client "with reconnect back-off", reconnects after every close code below
# 3000, 1000 included, and gives up after every code from 3000 on.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @gamestdio/websocket@0.3.2 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { WebSocketServer, WebSocket } = require('ws');
global.WebSocket = WebSocket;
const Client = require('@gamestdio/websocket').default;
const ask = code => new Promise(done => {
  let seen = 0;
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    new Client(`ws://127.0.0.1:${server.address().port}/ws`, [], {});
  });
  server.on('connection', ws => {
    seen++;
    ws.on('error', () => {});
    if (code === 1006) ws.terminate(); else ws.close(code, 'reason');
  });
  setTimeout(() => { done(`${code} ${seen > 1 ? 'reconnects' : 'gives up'}`); server.close(); }, 3000);
});
(async () => {
  console.log((await Promise.all([1000, 1001, 1006, 4000, 4408, 4429].map(ask))).join('\n'));
  process.exit();
})();
EOF
got=$(timeout 60 node probe.js) || exit 2
want='1000 reconnects
1001 reconnects
1006 reconnects
4000 gives up
4408 gives up
4429 gives up'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
