#!/usr/bin/env bash
# Moving averages that add the new price and subtract the old one, or keep sums, never recover from one wrong message:
# after a time in milliseconds came as a price once, SMA(5) of 0.00000158 is 0, or 0.000000316, a thousand prices later.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @ixjb94/indicators@1.2.4 indicatorts@2.2.2 \
	@thi.ng/transducers-stats@1.1.74 @debut/indicators@1.4.2 technicalindicators@3.1.0 ta.js@1.17.0 \
	fast-technical-indicators@1.1.4 trading-signals@8.3.0 >/dev/null || exit 2

cat >probe.mjs <<'EOS'
import { createRequire } from 'node:module';
import { IndicatorsSync } from '@ixjb94/indicators';
import { sma } from 'indicatorts';
import { sma as thing } from '@thi.ng/transducers-stats';
import { SMA as Debut } from '@debut/indicators';
import { SMA as Technical } from 'technicalindicators';
import { SMA as Signals } from 'trading-signals';

const require = createRequire(import.meta.url);
const ta = require('ta.js');
const { SMA: Fast } = require('fast-technical-indicators');

const streamed = (average, put) => prices => {
  let value;
  for (const price of prices) value = put(average, price);
  return [value];
};
const libraries = {
  '@ixjb94/indicators': prices => new IndicatorsSync().sma(prices, 5),
  indicatorts: prices => sma(prices, { period: 5 }),
  '@thi.ng/transducers-stats': prices => [...thing(5, prices)],
  '@debut/indicators': prices => streamed(new Debut(5), (average, price) => average.nextValue(price))(prices),
  technicalindicators: prices => Technical.calculate({ period: 5, values: prices }),
  'ta.js': prices => ta.sma(prices, 5),
  'fast-technical-indicators': prices => Fast.calculate({ period: 5, values: prices }),
  'trading-signals': prices => streamed(new Signals(5), (average, price) => average.update(price, false))(prices),
};
const calm = Array(1000).fill(0.00000158);
for (const [name, averages] of Object.entries(libraries)) {
  const last = prices => averages(prices).at(-1).toPrecision(6);
  console.log(`${name}: ${last([...calm, ...calm])}, after one wrong price ${last([...calm, 1710000000123, ...calm])}`);
}
EOS
got=$(timeout 60 node probe.mjs 2>/dev/null) || exit 2
want='@ixjb94/indicators: 0.00000158000, after one wrong price 0.00000
indicatorts: 0.00000158000, after one wrong price 0.00000
@thi.ng/transducers-stats: 0.00000158000, after one wrong price 0.00000
@debut/indicators: 0.00000158000, after one wrong price 3.16000e-7
technicalindicators: 0.00000158000, after one wrong price 3.16000e-7
ta.js: 0.00000158000, after one wrong price 0.00000158000
fast-technical-indicators: 0.00000158000, after one wrong price 0.00000158000
trading-signals: 0.00000158000, after one wrong price 0.00000158000'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
