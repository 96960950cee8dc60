#!/usr/bin/env bash
# Libraries for the formulas of spreadsheets divide in binary floating point: in hyperformula 3.5.0, fast-formula-parser
# 1.0.19 and @formulajs/formulajs 4.6.1 a price that lies on its tick goes one tick down by FLOOR, so FLOOR(0.3, 0.1)
# is 0.2. In the first two also ROUNDDOWN(0.29, 2) is 0.28.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts hyperformula@3.5.0 fast-formula-parser@1.0.19 \
	@formulajs/formulajs@4.6.1 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { HyperFormula } = require('hyperformula');
const Parser = require('fast-formula-parser');
const formulajs = require('@formulajs/formulajs');

const parser = new Parser();
const book = HyperFormula.buildEmpty({ licenseKey: 'gpl-v3' });
book.addSheet('prices');
const libraries = {
  hyperformula: (name, price, tick) => book.calculateFormula(`=${name}(${price},${tick})`, 0),
  'fast-formula-parser': (name, price, tick) => parser.parse(`${name}(${price},${tick})`),
  formulajs: (name, price, tick) => formulajs[name](price, tick),
};
// Each of these prices is a multiple of its tick, and stays what it is when it is rounded down to it.
const prices = [[0.1, 'FLOOR', 0.1], [0.01, 'FLOOR', 0.01], [0.05, 'FLOOR', 0.05], [0.01, 'ROUNDDOWN', 2]];
for (const [library, round] of Object.entries(libraries)) {
  for (const [tick, name, argument] of prices) {
    const wrong = [];
    for (let i = 1; i <= 1000; i++) {
      const price = Number((i * tick).toFixed(2));
      // Half a tick tells a wrong tick from the last digits of floating point.
      if (Math.abs(round(name, price, argument) - price) > tick / 2) wrong.push(price);
    }
    console.log(`${library} ${name}(price, ${argument}): ${wrong.length} of 1000 lower: ${wrong.slice(0, 3).join(', ') || 'none'}`);
  }
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='hyperformula FLOOR(price, 0.1): 348 of 1000 lower: 0.3, 0.6, 0.7
hyperformula FLOOR(price, 0.01): 125 of 1000 lower: 0.29, 0.47, 0.57
hyperformula FLOOR(price, 0.05): 348 of 1000 lower: 0.15, 0.3, 0.35
hyperformula ROUNDDOWN(price, 2): 69 of 1000 lower: 0.29, 0.57, 0.58
fast-formula-parser FLOOR(price, 0.1): 348 of 1000 lower: 0.3, 0.6, 0.7
fast-formula-parser FLOOR(price, 0.01): 125 of 1000 lower: 0.29, 0.47, 0.57
fast-formula-parser FLOOR(price, 0.05): 348 of 1000 lower: 0.15, 0.3, 0.35
fast-formula-parser ROUNDDOWN(price, 2): 129 of 1000 lower: 0.15, 0.29, 0.57
formulajs FLOOR(price, 0.1): 348 of 1000 lower: 0.3, 0.6, 0.7
formulajs FLOOR(price, 0.01): 125 of 1000 lower: 0.29, 0.47, 0.57
formulajs FLOOR(price, 0.05): 348 of 1000 lower: 0.15, 0.3, 0.35
formulajs ROUNDDOWN(price, 2): 0 of 1000 lower: none'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
