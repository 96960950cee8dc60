#!/usr/bin/env bash
# fraction.js 5.3.4 is exact for texts. For numbers it looks for a fraction whose denominator has at most seven digits: the
# price 1.58e-8 of a small token becomes 0, and 60214.123456 another price. A text with an exponent is refused.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts fraction.js@5.3.4 >/dev/null || exit 2

cat >probe.mjs <<'EOS'
import Fraction from 'fraction.js';

const see = price => {
  try {
    return new Fraction(price).toFraction();
  } catch (error) {
    return error.message;
  }
};
for (const price of [1.58e-8, 0.00000158, 60214.123456]) console.log(`number ${price}:`, see(price));
for (const price of ['0.0000000158', '0.00000158', '60214.123456', '1.58e-8']) console.log(`text ${price}:`, see(price));
EOS
got=$(timeout 60 node probe.mjs) || exit 2
want='number 1.58e-8: 0
number 0.00000158: 5/3164557
number 60214.123456: 29926600000/497003
text 0.0000000158: 79/5000000000
text 0.00000158: 79/50000000
text 60214.123456: 940845679/15625
text 1.58e-8: Invalid argument'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
