#!/usr/bin/env bash
# sparkline 0.2.0 draws a line for prices that move by less than about one: the scale is an integer. 1.0821 to 1.0897 is flat.
# The same prices as integers are drawn right.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts sparkline@0.2.0 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import sparkline from 'sparkline';

for (const prices of [[100, 150, 200, 125], [1.0821, 1.0852, 1.0897, 1.0834], [60214.1, 60214.5, 60215, 60214.2]]) {
  console.log(`${prices.join(' ')}: ${sparkline(prices)}, in ten-thousandths ${sparkline(prices.map((p) => Math.round(p * 10000)))}`);
}
EOF
got=$(timeout 60 node probe.mjs) || exit 2
want='100 150 200 125: ▁▄█▂, in ten-thousandths ▁▄█▂
1.0821 1.0852 1.0897 1.0834: ▁▁▁▁, in ten-thousandths ▁▃█▂
60214.1 60214.5 60215 60214.2: ▁▁▁▁, in ten-thousandths ▁▄█▁'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
