#!/usr/bin/env bash
# Deno 2.9.6: a WebSocket opens although the server takes none of the offered subprotocols, which the standard says
# must fail. The close code of a refused handshake and of a reset connection is 0, not 1006.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund deno@2.9.6 ws@8.23.0 >/dev/null || exit 2

cat >server.js <<'EOF'
const http = require('http');
const { WebSocketServer } = require('ws');
const web = http.createServer();
const server = new WebSocketServer({ noServer: true, handleProtocols: () => false });
web.on('upgrade', (req, socket, head) => {
  if (req.url === '/refused') return socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  server.handleUpgrade(req, socket, head, ws => {
    if (req.url === '/reset') ws._socket.resetAndDestroy();
  });
});
web.listen(0, '127.0.0.1', () => console.log(web.address().port));
setTimeout(() => process.exit(), 60000).unref();
EOF
cat >client.js <<'EOF'
for (const [path, protocols] of [['/subprotocol', ['backbone.v9']], ['/refused', []], ['/reset', []]]) {
  const ws = new WebSocket(`ws://127.0.0.1:${Deno.args[0]}${path}`, protocols);
  const said = [];
  await new Promise(done => {
    ws.onopen = () => { said.push(`open "${ws.protocol}"`); if (path === '/subprotocol') done(); };
    ws.onclose = e => { said.push(`close ${e.code}`); done(); };
  });
  console.log(path, said.filter(s => path !== '/reset' || s !== 'open ""').join(', '));
}
Deno.exit();
EOF
export DENO_DIR=$dir/deno DENO_NO_UPDATE_CHECK=1
exec 3< <(exec node server.js)
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$dir"' EXIT
read -r port <&3
got=$(timeout 60 node_modules/.bin/deno run --allow-net=127.0.0.1 client.js "$port") || exit 2
want='/subprotocol open ""
/refused close 0
/reset close 0'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
