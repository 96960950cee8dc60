#!/usr/bin/env bash
# alasql 4.19.1 reads a number with an exponent only if it has a point: in `price > 1e-7` it takes 1e for a column
# and subtracts 7, so nothing matches, without an error. MAX, SUM and AVG of prices kept as text are missing, while a
# comparison reads them as numbers. The variance of a price that does not move is negative, and its standard deviation
# is missing.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts alasql@4.19.1 >/dev/null || exit 2

cat >probe.js <<'EOS'
const alasql = require('alasql');

const numbers = [{ price: 0.5 }, { price: 1e-8 }, { price: 60214.3 }];
const texts = [{ price: '60214.30' }, { price: '9.7' }, { price: '150' }];
const still = [{ price: 60214.3 }, { price: 60214.3 }, { price: 60214.3 }];
for (const [what, query, rows] of [
  ['numbers', 'SELECT price FROM ? WHERE price > 1e-7', numbers],
  ['numbers', 'SELECT price FROM ? WHERE price > 1.0e-7', numbers],
  ['numbers', 'SELECT price FROM ? WHERE price > 0.0000001', numbers],
  ['texts', 'SELECT price FROM ? WHERE price > 100', texts],
  ['texts', 'SELECT MAX(price) AS high, SUM(price) AS summed, AVG(price) AS mean FROM ?', texts],
  ['still', 'SELECT AVG(price) AS mean, VAR(price) AS variance, STDEV(price) AS deviation FROM ?', still],
]) {
  console.log(`${what}: ${query}: ${JSON.stringify(alasql(query, [rows]))}`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='numbers: SELECT price FROM ? WHERE price > 1e-7: []
numbers: SELECT price FROM ? WHERE price > 1.0e-7: [{"price":0.5},{"price":60214.3}]
numbers: SELECT price FROM ? WHERE price > 0.0000001: [{"price":0.5},{"price":60214.3}]
texts: SELECT price FROM ? WHERE price > 100: [{"price":"60214.30"},{"price":"150"}]
texts: SELECT MAX(price) AS high, SUM(price) AS summed, AVG(price) AS mean FROM ?: [{}]
still: SELECT AVG(price) AS mean, VAR(price) AS variance, STDEV(price) AS deviation FROM ?: [{"mean":60214.30000000001,"variance":-9.5367431640625e-7}]'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
