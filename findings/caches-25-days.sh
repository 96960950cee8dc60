#!/usr/bin/env bash
# memory-cache 0.2.0, expiry-map 2.0.0 and timed-cache 2.0.0 keep a value for 24 days, but drop it immediately if it may live
# for 25: the time goes to setTimeout, whose limit is 2,147,483,647 ms.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts memory-cache@0.2.0 expiry-map@2.0.0 timed-cache@2.0.0 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import { setTimeout as wait } from 'node:timers/promises';
import memory from 'memory-cache';
import ExpiryMap from 'expiry-map';
import TimedCache from 'timed-cache';

const day = 86_400_000;
for (const days of [1, 24, 25, 30]) {
  memory.put('BTC_USD', 60214.3, days * day);
  const map = new ExpiryMap(days * day);
  map.set('BTC_USD', 60214.3);
  const timed = new TimedCache({ defaultTtl: days * day });
  timed.put('BTC_USD', 60214.3);
  await wait(100);
  const told = (price) => (price === 60214.3 ? 'there' : 'gone');
  console.log(`${days} days: memory-cache ${told(memory.get('BTC_USD'))}, expiry-map ${told(map.get('BTC_USD'))}, timed-cache ${told(timed.get('BTC_USD'))}`);
}
process.exit();
EOF
got=$(timeout 60 node --no-warnings probe.mjs) || exit 2
want='1 days: memory-cache there, expiry-map there, timed-cache there
24 days: memory-cache there, expiry-map there, timed-cache there
25 days: memory-cache gone, expiry-map gone, timed-cache gone
30 days: memory-cache gone, expiry-map gone, timed-cache gone'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
