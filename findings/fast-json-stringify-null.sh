#!/usr/bin/env bash
# fast-json-stringify 7.3.10, the serializer of Fastify, writes a price of null as 0 and a price of Infinity as null
# where the schema says "number". It cuts the fraction off an "integer" without an error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts fast-json-stringify@7.3.10 >/dev/null || exit 2

cat >probe.js <<'EOF'
const write = require('fast-json-stringify')({
  type: 'object',
  properties: { price: { type: 'number' }, ts: { type: 'integer' } },
});
for (const [price, ts] of [[60214.3, 1710000000], [null, 1710000000], [Infinity, 1710000000], [1, 1710000000.7]]) {
  console.log(`${price} ${ts} ${write({ price, ts })}`);
}
EOF
got=$(timeout 60 node probe.js) || exit 2
want='60214.3 1710000000 {"price":60214.3,"ts":1710000000}
null 1710000000 {"price":0,"ts":1710000000}
Infinity 1710000000 {"price":null,"ts":1710000000}
1 1710000000.7 {"price":1,"ts":1710000000}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
