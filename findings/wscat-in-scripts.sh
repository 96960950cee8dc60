#!/usr/bin/env bash
# wscat 6.1.0 in a script: when standard input has ended (cron, systemd, CI) it sends nothing and exits with 0, also
# with -x COMMAND; often it has not even connected. A line that arrives through a pipe before the connection is open
# is dropped.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts wscat@6.1.0 ws@8.23.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { WebSocketServer } = require('ws');
const { spawn } = require('child_process');
// use gets standard input before the connection, connected a second after the server saw it.
const ask = (name, args, stdin, use, connected) => new Promise(done => {
  const said = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    const url = `ws://127.0.0.1:${server.address().port}/ws`;
    const p = spawn('node', ['node_modules/wscat/bin/wscat', '-c', url, ...args], { stdio: [stdin, 'ignore', 'ignore'] });
    p.on('exit', code => {
      console.log(`${name}: server got ${said.join(' ') || 'nothing'}, exit ${code}`);
      server.close();
      done();
    });
    if (p.stdin) p.stdin.on('error', () => {});
    if (use) use(p.stdin);
    server.on('connection', ws => {
      ws.on('message', m => said.push(m.toString()));
      if (connected) setTimeout(() => connected(p.stdin), 1000);
    });
  });
});
(async () => {
  await ask('-x, input open', ['-x', 'join', '-w', '1'], 'pipe', null, null);
  await ask('-x, /dev/null', ['-x', 'join', '-w', '1'], 'ignore', null, null);
  await ask('pipe that ends', [], 'pipe', input => input.end('join\n'), null);
  await ask('line before the connection', [], 'pipe', input => input.write('join\n'), input => input.end());
  await ask('line after the connection', [], 'pipe', null, input => {
    input.write('join\n');
    setTimeout(() => input.end(), 1000);
  });
})();
EOF
got=$(timeout 60 node probe.js) || exit 2
want='-x, input open: server got join, exit 0
-x, /dev/null: server got nothing, exit 0
pipe that ends: server got nothing, exit 0
line before the connection: server got nothing, exit 0
line after the connection: server got join, exit 0'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
