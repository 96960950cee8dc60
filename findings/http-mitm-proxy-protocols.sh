#!/usr/bin/env bash
# http-mitm-proxy 1.1.0 accepts a WebSocket by itself, with the first subprotocol that the client offers, and then connects to
# the server without any. A key that is sent as a subprotocol does not arrive, and a refusal by the server is an open
# connection on which nothing comes.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 http-mitm-proxy@1.1.0 >/dev/null || exit 2

cat >probe.js <<'EOS'
const http = require('http');
const net = require('net');
const { Proxy } = require('http-mitm-proxy');
const { WebSocket, WebSocketServer } = require('ws');

const once = (on, event) => new Promise(done => on.once(event, done));
const wait = ms => new Promise(done => setTimeout(done, ms));
const accept = new WebSocketServer({ noServer: true, handleProtocols: () => 'v1' });
let offered;
const server = http.createServer().on('upgrade', (request, socket, head) => {
  offered = request.headers['sec-websocket-protocol'];
  if (request.url === '/refused') return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  accept.handleUpgrade(request, socket, head, ws => ws.send('hello'));
});
(async () => {
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  const target = `127.0.0.1:${server.address().port}`;
  const proxy = new Proxy();
  proxy.onError(() => {});
  await new Promise(done => proxy.listen({ host: '127.0.0.1', port: 0, sslCaDir: `${__dirname}/ca` }, done));

  for (const [way, path] of [['directly', '/'], ['by proxy', '/'], ['directly', '/refused'], ['by proxy', '/refused']]) {
    const options = { perMessageDeflate: false };
    if (way === 'by proxy') {
      const socket = net.connect(proxy.httpPort, '127.0.0.1');
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
      await once(socket, 'data');
      options.createConnection = () => socket;
    }
    const seen = [];
    offered = undefined;
    const ws = new WebSocket(`ws://${target}${path}`, ['v1', 'bearer.KEY'], options);
    ws.on('open', () => seen.push(`open with ${ws.protocol}`));
    ws.on('unexpected-response', (_, response) => seen.push(`status ${response.statusCode}`));
    ws.on('message', data => seen.push(`got ${data}`));
    ws.on('close', code => seen.push(`close ${code}`));
    ws.on('error', () => {});
    await wait(3000);
    console.log(`${way} ${path}: ${seen.join(', ')}; the server was offered ${offered}`);
    ws.terminate();
  }
  process.exit();
})();
EOS
got=$(timeout 60 node probe.js) || exit 2
want='directly /: open with v1, got hello; the server was offered v1,bearer.KEY
by proxy /: open with v1, got hello; the server was offered undefined
directly /refused: status 401; the server was offered v1,bearer.KEY
by proxy /refused: open with v1; the server was offered undefined'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
