#!/usr/bin/env bash
# A Lua script that returns 60214.7 returns 60214.7 in ioredis-mock 8.13.1 and 60214 in Redis 7.0.15, which cuts numbers to
# integers. true is true there and 1 in Redis, a whole number as text is 1710000000123.0 there, and there is no cjson.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install redis-server=5:7.0.15-1~deb12u10 redis-tools=5:7.0.15-1~deb12u10 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
PATH=$dir/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts ioredis@5.8.2 ioredis-mock@8.13.1 >/dev/null || exit 2

port=$((20000 + RANDOM % 20000))
redis-server --port $port --bind 127.0.0.1 --save '' --dir "$dir" >redis.log &
pids+=($!)
for _ in {1..50}; do redis-cli -p $port ping >/dev/null 2>&1 && break || sleep 0.1; done

cat >probe.js <<'EOS'
const Redis = require('ioredis');
const Mock = require('ioredis-mock');
const scripts = [
  ['a price', 'return 60214.7'],
  ['a comparison', 'return 2 > 1'],
  ['a time as text', 'return tostring(1710000000123)'],
  ['JSON', "return cjson.encode({ room = 'A' })"],
];
(async () => {
  const servers = { redis: new Redis(+process.argv[2]), mock: new Mock() };
  for (const [what, script] of scripts) {
    const answers = [];
    for (const [name, server] of Object.entries(servers)) {
      answers.push(`${name} ${await server.eval(script, 0).then(JSON.stringify, () => 'an error')}`);
    }
    console.log(`${what}: ${answers.join(', ')}`);
  }
  process.exit();
})();
EOS
got=$(timeout 60 node probe.js $port) || exit 2
want='a price: redis 60214, mock 60214.7
a comparison: redis 1, mock true
a time as text: redis "1710000000123", mock "1710000000123.0"
JSON: redis "{\"room\":\"A\"}", mock an error'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
