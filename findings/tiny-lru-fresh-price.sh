#!/usr/bin/env bash
# tiny-lru 13.1.0 counts the age of an entry from the first time that its key is set. A key that is set again and again
# disappears all the same when the first one's time is over, although its value is a moment old. The third argument
# (resetTtl) mends it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts tiny-lru@13.1.0 quick-lru@7.3.0 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import { lru } from 'tiny-lru';
import QuickLRU from 'quick-lru';
const pause = ms => new Promise(done => setTimeout(done, ms));
const caches = {
  'tiny-lru': lru(10, 1000),
  'tiny-lru with resetTtl': lru(10, 1000, true),
  'quick-lru': new QuickLRU({ maxSize: 10, maxAge: 1000 }),
};
const lost = {};
for (let price = 1; price <= 40; price++) {
  for (const cache of Object.values(caches)) cache.set('BTC_USDT', price);
  await pause(100);
  for (const [name, cache] of Object.entries(caches)) if (cache.get('BTC_USDT') === undefined) lost[name] = true;
}
for (const name of Object.keys(caches)) {
  console.log(`${name}, 1 s, set each 0.1 s: ${lost[name] ? 'gone at times' : 'always there'}`);
}
EOF
got=$(timeout 60 node probe.mjs) || exit 2
want='tiny-lru, 1 s, set each 0.1 s: gone at times
tiny-lru with resetTtl, 1 s, set each 0.1 s: always there
quick-lru, 1 s, set each 0.1 s: always there'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
