#!/usr/bin/env bash
# Formatters that split the text of a number: JavaScript writes numbers below 0.000001 with an exponent, so numify 1.1.2
# makes 17 of 1e-7 (and 60.21k of -60214.3), number-format 0.1.2 makes 0..99999990 and number-format.js 2.0.9 makes 1,e-7.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts numify@1.1.2 number-format@0.1.2 \
	number-format.js@2.0.9 simple-format-number@0.1.2 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { numify } = require('numify');
const { numberFormat } = require('number-format');
const format = require('number-format.js');
const simple = require('simple-format-number');

const libraries = {
  numify: price => numify(price),
  'number-format': price => numberFormat(price, 8),
  'number-format.js': price => format('#,##0.########', price),
  'simple-format-number': price => simple(price, { fractionDigits: 8 }),
};
for (const [name, show] of Object.entries(libraries)) {
  console.log(`${name}:`, [60214.3, -60214.3, 0.00000158, 1.58e-7, 1e-7].map(price => `${price} is ${show(price)}`).join(', '));
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='numify: 60214.3 is 60.21k, -60214.3 is 60.21k, 0.00000158 is 0.00000158, 1.58e-7 is 1.587, 1e-7 is 17
number-format: 60214.3 is 60,214.30000000, -60214.3 is -60,214.30000000, 0.00000158 is 0.00000158, 1.58e-7 is 0..99999984, 1e-7 is 0..99999990
number-format.js: 60214.3 is 60,214.3, -60214.3 is -60,214.3, 0.00000158 is 0.00000158, 1.58e-7 is 1.6e-7, 1e-7 is 1,e-7
simple-format-number: 60214.3 is 60,214.30000000, -60214.3 is -60,214.30000000, 0.00000158 is 0.00000158, 1.58e-7 is 0.00000016, 1e-7 is 0.00000010'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
