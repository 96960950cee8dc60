#!/usr/bin/env bash
# websocketd 0.4.1 ends a connection without a close frame (1006) when its program ends, whatever the program's exit
# code, and drops a last line that has no line end.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install websocketd=0.4.1-1+b11 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
export PATH=$dir/root/usr/bin:$PATH LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu

echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 >/dev/null || exit 2
cat >probe.js <<'EOF'
const { spawn } = require('child_process');
const net = require('net');
const { WebSocket } = require('ws');
const free = () => new Promise(done => {
  const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});
const up = port => new Promise(done => (function again() {
  const s = net.connect(port, '127.0.0.1', () => { s.destroy(); done(); }).on('error', () => setTimeout(again, 100));
})());
const ask = async (name, program) => {
  const port = await free();
  const p = spawn('websocketd', ['--address=127.0.0.1', `--port=${port}`, 'sh', '-c', program], { stdio: 'ignore' });
  await up(port);
  const said = [];
  await new Promise(done => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    ws.on('message', m => said.push(m.toString()));
    ws.on('error', e => said.push(e.message));
    ws.on('close', code => { said.push(`close ${code}`); done(); });
  });
  p.kill();
  console.log(`${name}: ${said.join(', ')}`);
};
(async () => {
  await ask('exit 0, last line without line end', 'echo first; printf last');
  await ask('exit 3', 'echo first; exit 3');
})();
EOF
got=$(timeout 60 node probe.js) || exit 2
want='exit 0, last line without line end: first, close 1006
exit 3: first, close 1006'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
