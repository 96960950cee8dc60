#!/usr/bin/env bash
# statsd 0.9.0 cuts the name of a gauge at the first colon and keeps the value: BTC/USD:BTC overwrites BTC/USD. A
# value with a sign is added to the gauge instead of replacing it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts statsd@0.9.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { spawn } = require('child_process');
const fs = require('fs'), net = require('net'), dgram = require('dgram');
const free = () => new Promise(done => {
  const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});
const wait = ms => new Promise(done => setTimeout(done, ms));
(async () => {
  const port = await free(), mgmt = await free();
  fs.writeFileSync('config.js', JSON.stringify({
    port, mgmt_port: mgmt, address: '127.0.0.1', mgmt_address: '127.0.0.1', backends: [], flushInterval: 60000,
  }));
  const p = spawn('node', ['node_modules/statsd/stats.js', 'config.js'], { stdio: 'ignore' });
  let c;
  for (let i = 0; i < 50 && !c; i++) {
    await wait(100);
    c = await new Promise(done => { const s = net.connect(mgmt, '127.0.0.1', () => done(s)).on('error', () => done()); });
  }
  const udp = dgram.createSocket('udp4');
  for (const line of ['BTC/USD:60214.30|g', 'BTC/USD:BTC:0.99|g', 'SPREAD:10|g', 'SPREAD:-3|g']) {
    await new Promise(done => udp.send(line, port, '127.0.0.1', done));
  }
  await wait(500);
  c.on('data', d => { console.log(d.toString().trim()); p.kill(); process.exit(); });
  c.write('gauges\n');
})();
EOF
got=$(timeout 60 node probe.js) || exit 2
want="{ 'BTC-USD': 0.99, SPREAD: 7 }
END"
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
