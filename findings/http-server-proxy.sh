#!/usr/bin/env bash
# http-server 14.1.1 with -P URL passes a WebSocket handshake on to URL, where a connection opens and ends at the
# same moment. The answer never reaches the client, which waits without an error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts http-server@14.1.1 http-proxy@1.18.1 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { WebSocketServer, WebSocket } = require('ws');
const { spawn } = require('child_process');
const net = require('net');
let seen = 0, end;
const free = () => new Promise(done => {
  const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});
const up = port => new Promise(done => (function again() {
  net.connect(port, '127.0.0.1', done).on('error', () => setTimeout(again, 100));
})());
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, async () => {
  const port = await free();
  const p = spawn('node', ['node_modules/http-server/bin/http-server', 'node_modules/ws', '-s', '-a', '127.0.0.1', '-p', port,
    '-P', `http://127.0.0.1:${server.address().port}`], { stdio: 'ignore' });
  await up(port);
  let told = 'nothing';
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  ws.on('open', () => { told = 'open'; });
  ws.on('error', e => { told = e.message; });
  ws.on('close', () => { told = 'close'; });
  setTimeout(() => {
    console.log(`after 10 s: server saw ${seen} connection and its end with ${end}, client heard ${told}`);
    p.kill(); process.exit();
  }, 10000);
});
server.on('connection', ws => { seen++; ws.on('error', () => {}); ws.on('close', code => { end = code; }); ws.send('a price'); });
EOF
got=$(timeout 60 node probe.js) || exit 2
want='after 10 s: server saw 1 connection and its end with 1006, client heard nothing'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
