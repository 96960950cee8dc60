#!/usr/bin/env bash
# zipson 0.2.12 keeps three decimals of a price when it packs JSON: 0.00000158 becomes 0, without an error. With
# fullPrecisionFloats: true all stay.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts zipson@0.2.12 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { parse, stringify } = require('zipson');
for (const price of [60214, 60214.3, 60214.35678, 0.082, 0.08246, 0.0005, 0.00000158]) {
  const message = { instrument: 'PEPE', price, ts: 1710000000123 };
  const back = parse(stringify(message));
  const full = parse(stringify(message, { fullPrecisionFloats: true }));
  console.log(`${price} becomes ${back.price}, with fullPrecisionFloats ${full.price}, ts ${back.ts}`);
}
EOF
got=$(timeout 60 node probe.js) || exit 2
want='60214 becomes 60214, with fullPrecisionFloats 60214, ts 1710000000123
60214.3 becomes 60214.3, with fullPrecisionFloats 60214.3, ts 1710000000123
60214.35678 becomes 60214.357, with fullPrecisionFloats 60214.35678, ts 1710000000123
0.082 becomes 0.082, with fullPrecisionFloats 0.082, ts 1710000000123
0.08246 becomes 0.082, with fullPrecisionFloats 0.08246, ts 1710000000123
0.0005 becomes 0.001, with fullPrecisionFloats 0.0005, ts 1710000000123
0.00000158 becomes 0, with fullPrecisionFloats 0.00000158, ts 1710000000123'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
