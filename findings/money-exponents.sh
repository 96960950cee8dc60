#!/usr/bin/env bash
# Three npm libraries for money read a price in exponent notation as another number, without an error: numeral 2.0.6,
# currency.js 2.0.4 and accounting 0.4.1. They drop the letter or stop at it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts numeral@2.0.6 currency.js@2.0.4 accounting@0.4.1 >/dev/null || exit 2

cat >probe.js <<'EOF'
const numeral = require('numeral'), currency = require('currency.js'), accounting = require('accounting');
for (const price of ['60214.30', '0.00000001', '1E-8', '1e-8', '1E+3', '1e21']) {
  console.log(price, 'numeral', numeral(price).value(), 'currency.js', currency(price, { precision: 8 }).value,
    'accounting', accounting.unformat(price));
}
EOF
got=$(timeout 60 node probe.js) || exit 2
want='60214.30 numeral 60214.3 currency.js 60214.3 accounting 60214.3
0.00000001 numeral 1e-8 currency.js 1e-8 accounting 1e-8
1E-8 numeral -18 currency.js NaN accounting 1
1e-8 numeral 1e-8 currency.js NaN accounting 1
1E+3 numeral 13 currency.js 13 accounting 13
1e21 numeral 121 currency.js 121 accounting 121'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
