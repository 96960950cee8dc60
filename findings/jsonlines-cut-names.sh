#!/usr/bin/env bash
# jsonlines 0.1.1 reads each chunk of a stream as text of its own: an instrument of which a character lies across two
# chunks gets another name, without an error. ndjson 2.0.0 reads the same stream right.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts jsonlines@0.1.1 ndjson@2.0.0 >/dev/null || exit 2

# 1,000 equal lines, in chunks of 1,000 bytes.
cat >probe.js <<'EOF'
const parsers = { jsonlines: () => require('jsonlines').parse(), ndjson: () => require('ndjson').parse() };
const count = {};
require('fs').createReadStream('prices', { highWaterMark: 1000 }).pipe(parsers[process.argv[2]]()).on('data', price => {
  count[price.instrument] = (count[price.instrument] ?? 0) + 1;
}).on('end', () => {
  const names = Object.keys(count).length;
  console.log(`${process.argv[2]}: ${names === 1 ? '1 instrument' : 'more than 1 instrument'}`);
});
EOF
for ((i = 0; i < 1000; i++)); do
	echo '{"type":"price_update","instrument":"币安人生USDT","price":1.10,"ts":1710000000}'
done >prices
got=$(timeout 60 node probe.js jsonlines && timeout 60 node probe.js ndjson) || exit 2
want='jsonlines: more than 1 instrument
ndjson: 1 instrument'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
