#!/usr/bin/env bash
# candlestick-convert 7.0.0 makes candles of trades and opens each candle at the close of the one before, not at its
# first trade, and does not widen high and low to it: a candle can lie wholly above or below its own open.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts candlestick-convert@7.0.0 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { batchTicksToCandle } = require('candlestick-convert');
const minute = 1710000000000;
const trades = [[0, 100], [10, 105], [59, 95], [61, 120], [62, 121], [301, 80], [302, 79]]
  .map(([s, price]) => ({ time: minute + s * 1000, price, quantity: 1 }));
for (const c of batchTicksToCandle(trades, 60, true)) {
  const inside = c.low <= c.open && c.open <= c.high;
  console.log(`minute ${(c.time - minute) / 60000}: open ${c.open} high ${c.high} low ${c.low} close ${c.close}`
    + ` volume ${c.volume}${inside ? '' : ', open is outside of low and high'}`);
}
EOF
got=$(timeout 60 node probe.js) || exit 2
want='minute 0: open 100 high 105 low 95 close 95 volume 3
minute 1: open 95 high 121 low 120 close 121 volume 2, open is outside of low and high
minute 5: open 121 high 80 low 79 close 79 volume 2, open is outside of low and high'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
