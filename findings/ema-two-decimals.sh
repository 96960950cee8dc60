#!/usr/bin/env bash
# exponential-moving-average 1.0.0 returns texts with two decimals unless told otherwise: the average of the prices of a small
# token is "0.00". The option format changes it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts exponential-moving-average@1.0.0 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import ema from 'exponential-moving-average';

const prices = [0.00000158, 0.0000016, 0.00000159, 0.0000017];
console.log('60214.31 and so on:', JSON.stringify(ema([60214.31, 60214.35, 60214.352, 60214.4], { range: 2 })));
console.log('small prices:', JSON.stringify(ema(prices, { range: 2 })));
console.log('a format that keeps all:', JSON.stringify(ema(prices, { range: 2, format: (n) => n.toFixed(9) })));
EOF
got=$(timeout 60 node probe.mjs) || exit 2
want='60214.31 and so on: ["60214.33","60214.34","60214.38"]
small prices: ["0.00","0.00","0.00"]
a format that keeps all: ["0.000001590","0.000001590","0.000001663"]'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
