#!/usr/bin/env bash
# @antv/expr 1.0.2 stops reading behind the digits of a number with an exponent, without an error: 1.58e-7 is 1.58,
# and a rule `price > 1e-7` compares with 1. math-expression-evaluator 2.0.7 takes the e for Euler's number: 1e-7 is
# e - 7. expr-eval 2.0.2 reads such a number, and jexl 2.3.0 refuses it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @antv/expr@1.0.2 math-expression-evaluator@2.0.7 \
	expr-eval@2.0.2 jexl@2.3.0 >/dev/null || exit 2

cat >probe.js <<'EOS'
const antv = require('@antv/expr');
const Mexp = require('math-expression-evaluator');
const { Parser } = require('expr-eval');
const jexl = require('jexl');

const price = { price: 0.5 };
const libraries = {
  '@antv/expr': text => antv.evaluate(text, price),
  'math-expression-evaluator': text => new (Mexp.default || Mexp)().eval(text),
  'expr-eval': text => Parser.evaluate(text, price),
  jexl: text => jexl.evalSync(text, price),
};
const texts = ['1.58e-7', '1e-7', '60214.30', 'price > 1e-7'];
for (const [name, evaluate] of Object.entries(libraries)) {
  // math-expression-evaluator has no comparisons.
  for (const text of texts.slice(0, name.startsWith('math') ? 3 : 4)) {
    let value;
    try {
      value = evaluate(text);
    } catch {
      value = 'refused';
    }
    console.log(`${name}: ${text} is ${value}`);
  }
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='@antv/expr: 1.58e-7 is 1.58
@antv/expr: 1e-7 is 1
@antv/expr: 60214.30 is 60214.3
@antv/expr: price > 1e-7 is false
math-expression-evaluator: 1.58e-7 is -2.705114711034708
math-expression-evaluator: 1e-7 is -4.281718171540955
math-expression-evaluator: 60214.30 is 60214.3
expr-eval: 1.58e-7 is 1.58e-7
expr-eval: 1e-7 is 1e-7
expr-eval: 60214.30 is 60214.3
expr-eval: price > 1e-7 is true
jexl: 1.58e-7 is refused
jexl: 1e-7 is refused
jexl: 60214.30 is 60214.3
jexl: price > 1e-7 is refused'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
