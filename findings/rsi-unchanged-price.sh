#!/usr/bin/env bash
# The relative strength index of a price that does not change has three values in five libraries on npm: 100 in
# technicalindicators 3.1.0 and trading-signals 8.3.0, 0 in ta-math 1.0.49, not a number in indicatorts 2.2.2 and
# @ixjb94/indicators 1.2.4.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts technicalindicators@3.1.0 trading-signals@8.3.0 ta-math@1.0.49 \
	indicatorts@2.2.2 @ixjb94/indicators@1.2.4 >/dev/null || exit 2

cat >probe.mjs <<'EOF'
import technical from 'technicalindicators';
import { RSI } from 'trading-signals';
import math from 'ta-math';
import { rsi } from 'indicatorts';
import ixjb94 from '@ixjb94/indicators';
const quiet = Array(40).fill(60214.3), falling = quiet.map((price, i) => price - i);
const streamed = prices => {
  const index = new RSI(14);
  for (const price of prices) index.add(price);
  return index.getResult();
};
const libraries = {
  technicalindicators: prices => technical.RSI.calculate({ values: prices, period: 14 }).at(-1),
  'trading-signals': streamed,
  'ta-math': prices => (math.default ?? math).rsi(prices, 14).at(-1),
  indicatorts: prices => rsi(prices, { period: 14 }).at(-1),
  '@ixjb94/indicators': async prices => (await new ixjb94.Indicators().rsi(prices, 14)).at(-1),
};
for (const [name, ask] of Object.entries(libraries)) {
  console.log(`${name}: unchanged ${Number(await ask(quiet))}, falling ${Number(await ask(falling))}`);
}
EOF
got=$(timeout 60 node probe.mjs) || exit 2
want='technicalindicators: unchanged 100, falling 0
trading-signals: unchanged 100, falling 0
ta-math: unchanged 0, falling 0
indicatorts: unchanged NaN, falling 0
@ixjb94/indicators: unchanged NaN, falling 0'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
