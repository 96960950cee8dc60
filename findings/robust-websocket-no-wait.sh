#!/usr/bin/env bash
# robust-websocket 1.0.0 waits 0, 3 and 10 s before its attempts, but starts the count again with each accepted
# connection. A server that accepts a connection and then closes it is called again immediately, without end.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts robust-websocket@1.0.0 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { WebSocketServer, WebSocket } = require('ws');
global.WebSocket = WebSocket;
global.window = global;
global.addEventListener = global.removeEventListener = () => {};
Object.defineProperty(global, 'navigator', { value: { onLine: true }, configurable: true });
global.CustomEvent = class extends Event {};
const Client = require('robust-websocket');
let seen = 0;
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
  new Client(`ws://127.0.0.1:${server.address().port}/ws`);
});
server.on('connection', ws => { seen++; ws.on('error', () => {}); ws.close(4429, 'too many bad messages in a row'); });
setTimeout(() => {
  console.error(`${seen} connections in 3 s`);
  console.log(seen > 30 ? 'more than 30 connections in 3 s' : `${seen} connections in 3 s`);
  process.exit();
}, 3000);
EOF
got=$(timeout 60 node probe.js) || exit 2
want='more than 30 connections in 3 s'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
