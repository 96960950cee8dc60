#!/usr/bin/env bash
# @fastify/http-proxy 11.6.3 with websocket: true answers the client 101 before it asks the server. A 401 of the
# server becomes an open connection that closes with 1011, and a connection that the server resets closes with 4006.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts fastify@5.12.8 @fastify/http-proxy@11.6.3 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const http = require('http');
const { WebSocketServer, WebSocket } = require('ws');
const back = http.createServer();
const server = new WebSocketServer({ noServer: true });
back.on('upgrade', (req, socket, head) => {
  if (req.url === '/refused') {
    return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  }
  server.handleUpgrade(req, socket, head, ws => {
    if (req.url === '/closed') setTimeout(() => ws.close(4408, 'a reason'), 300);
    if (req.url === '/reset') setTimeout(() => ws._socket.resetAndDestroy(), 300);
  });
});
const ask = (port, path) => new Promise(done => {
  const said = [];
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  ws.on('open', () => said.push('open'));
  ws.on('unexpected-response', (_, res) => { said.push(`status ${res.statusCode}`); done(`${path} ${said.join(', ')}`); });
  ws.on('error', e => said.push(e.message));
  ws.on('close', (code, reason) => { said.push(`close ${code} ${reason}`.trim()); done(`${path} ${said.join(', ')}`); });
});
back.listen(0, '127.0.0.1', async () => {
  const proxy = require('fastify')();
  proxy.register(require('@fastify/http-proxy'), { upstream: `http://127.0.0.1:${back.address().port}`, websocket: true });
  await proxy.listen({ port: 0, host: '127.0.0.1' });
  for (const path of ['/refused', '/closed', '/reset']) console.log(await ask(proxy.server.address().port, path));
  process.exit();
});
EOF
got=$(timeout 60 node probe.js) || exit 2
want='/refused open, close 1011 unexpected response
/closed open, close 4408 a reason
/reset open, close 4006'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
