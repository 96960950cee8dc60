#!/usr/bin/env bash
# moving-average 1.0.1 weights a price by the time since the one before it. A price that is older than the one before
# moves the average out of the range of all prices, and makes the variance negative.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts moving-average@1.0.1 >/dev/null || exit 2

cat >probe.js <<'EOF'
const average = require('moving-average')(5000);
const start = 1710000000000;
for (const [after, price] of [[0, 60214.1], [1000, 60214.3], [500, 60000], [1500, 60214.2]]) {
  average.push(start + after, price);
  console.log(`at ${after} ms ${price}: average ${average.movingAverage().toFixed(2)}`
    + ` variance ${average.variance().toFixed(2)}`);
}
EOF
got=$(timeout 60 node probe.js) || exit 2
want='at 0 ms 60214.1: average 60214.10 variance 0.00
at 1000 ms 60214.3: average 60214.14 variance 0.01
at 500 ms 60000: average 60236.66 variance -5329.73
at 1500 ms 60214.2: average 60232.59 variance -4288.76'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
