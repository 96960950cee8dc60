#!/usr/bin/env bash
# json-rules-engine 7.3.1 compares two texts letter by letter, although greaterThan and its like first check that the value
# is a number: "60214.30" is not greater than "9000". A number on one side is enough for a comparison of numbers.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts json-rules-engine@7.3.1 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import { Engine } from 'json-rules-engine';

for (const [price, limit] of [[60214.3, 9000], ['60214.30', 9000], [60214.3, '9000'], ['60214.30', '9000'], ['9.5', '10'], ['no price', '10']]) {
  const engine = new Engine();
  engine.addRule({ conditions: { all: [{ fact: 'price', operator: 'greaterThan', value: limit }] }, event: { type: 'alert' } });
  const { events } = await engine.run({ price });
  console.log(`${JSON.stringify(price)} greaterThan ${JSON.stringify(limit)}: ${events.length === 1}`);
}
EOF
got=$(timeout 60 node probe.mjs) || exit 2
want='60214.3 greaterThan 9000: true
"60214.30" greaterThan 9000: true
60214.3 greaterThan "9000": true
"60214.30" greaterThan "9000": false
"9.5" greaterThan "10": true
"no price" greaterThan "10": false'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
