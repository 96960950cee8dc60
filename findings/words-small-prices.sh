#!/usr/bin/env bash
# A price below 0.000001 in words, for an alert that is spoken: JavaScript writes such a number with an exponent.
# number-to-words 1.2.4 and num-to-words 0.2.1 read the digits before it as a whole number: 1.58e-7 is "one".
# convert-number-to-words 1.0.3 says "one point five eight   seven", and decimal-number-to-words 1.3.3 nothing.
# any-number-to-words 2.0.5 is right.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts number-to-words@1.2.4 num-to-words@0.2.1 \
	convert-number-to-words@1.0.3 decimal-number-to-words@1.3.3 any-number-to-words@2.0.5 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { Converter, enUS } = require('any-number-to-words');

const libraries = {
  'number-to-words': require('number-to-words').toWords,
  'num-to-words': require('num-to-words').numToWords,
  'convert-number-to-words': require('convert-number-to-words').numberToWords,
  'decimal-number-to-words': require('decimal-number-to-words').toWords,
  'any-number-to-words': price => new Converter(enUS).toWords(price),
};
for (const [name, words] of Object.entries(libraries)) {
  for (const price of [0.05, 0.00000158, 1.58e-7]) console.log(`${name}: ${price} is "${words(price)}"`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='number-to-words: 0.05 is "zero"
number-to-words: 0.00000158 is "zero"
number-to-words: 1.58e-7 is "one"
num-to-words: 0.05 is "zero"
num-to-words: 0.00000158 is "zero"
num-to-words: 1.58e-7 is "one"
convert-number-to-words: 0.05 is "zero point zero five"
convert-number-to-words: 0.00000158 is "zero point zero zero zero zero zero one five eight"
convert-number-to-words: 1.58e-7 is "one point five eight   seven"
decimal-number-to-words: 0.05 is "zero point zero five"
decimal-number-to-words: 0.00000158 is "zero point zero zero zero zero zero one five eight"
decimal-number-to-words: 1.58e-7 is ""
any-number-to-words: 0.05 is "zero point zero five"
any-number-to-words: 0.00000158 is "zero point zero zero zero zero zero one five eight"
any-number-to-words: 1.58e-7 is "zero point zero zero zero zero zero zero one five eight"'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
