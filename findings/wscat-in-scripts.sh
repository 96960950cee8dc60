#!/usr/bin/env bash
# wscat 6.1.0 in a script: when standard input has ended (cron, systemd, CI) it exits with 0 without connecting, also
# with -x COMMAND. A line that arrives through a pipe before the connection is open is dropped.
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
const ask = (name, line) => new Promise(done => {
  const said = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    const url = `ws://127.0.0.1:${server.address().port}/ws`;
    const p = spawn('bash', ['-c', line.replace('URL', url)], { stdio: 'ignore' });
    p.on('exit', code => { console.log(`${name}: server saw [${said.join(', ')}], exit ${code}`); server.close(); done(); });
  });
  server.on('connection', ws => { said.push('connection'); ws.on('message', m => said.push(m.toString())); });
});
const wscat = 'node node_modules/wscat/bin/wscat -c URL';
(async () => {
  await ask('-x, terminal or open pipe', `sleep 4 | ${wscat} -x join -w 1`);
  await ask('-x, /dev/null', `${wscat} -x join -w 1 </dev/null`);
  await ask('pipe that ends', `echo join | ${wscat}`);
  await ask('pipe that stays open', `(echo join; sleep 3) | ${wscat}`);
  await ask('pipe, line later', `(sleep 3; echo join; sleep 1) | ${wscat}`);
})();
EOF
got=$(timeout 60 node probe.js) || exit 2
want='-x, terminal or open pipe: server saw [connection, join], exit 0
-x, /dev/null: server saw [], exit 0
pipe that ends: server saw [], exit 0
pipe that stays open: server saw [connection], exit 0
pipe, line later: server saw [connection, join], exit 0'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
