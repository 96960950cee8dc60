#!/usr/bin/env bash
# JSON Schemas with a tick size, such as "multipleOf": 0.01: of 1000 prices in whole cents z-schema 6.0.2 refuses 135
# and djv 2.1.4 refuses 159. With eight decimals is-my-json-valid 2.20.6 refuses nine of ten, and jsen 0.6.6 all above
# one hundred. @cfworker/json-schema 4.1.1 takes all.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts z-schema@6.0.2 djv@2.1.4 is-my-json-valid@2.20.6 \
	jsen@0.6.6 @cfworker/json-schema@4.1.1 >/dev/null || exit 2

cat >probe.js <<'EOS'
const ZSchema = require('z-schema');
const Djv = require('djv');
const valid = require('is-my-json-valid');
const jsen = require('jsen');
const { Validator } = require('@cfworker/json-schema');

const libraries = {
  'z-schema': schema => price => new ZSchema().validate(price, schema),
  djv: schema => {
    const environment = new Djv();
    environment.addSchema('price', schema);
    return price => environment.validate('price', price) === undefined;
  },
  'is-my-json-valid': schema => valid(schema),
  jsen: schema => jsen(schema),
  '@cfworker/json-schema': schema => price => new Validator(schema).validate(price).valid,
};
// Each of these prices is the number nearest to a multiple of its tick.
const ticks = [[0.01, 2, 0], [0.05, 2, 0], [0.00000001, 8, 0], [0.00000001, 8, 100]];
for (const [name, compile] of Object.entries(libraries)) {
  const counts = ticks.map(([tick, decimals, from]) => {
    const takes = compile({ type: 'number', multipleOf: tick });
    let refused = 0;
    for (let i = 1; i <= 1000; i++) if (!takes(Number((from + i * tick).toFixed(decimals)))) refused++;
    return `${refused} (${tick}${from ? ` above ${from}` : ''})`;
  });
  console.log(`${name}: of 1000 prices refuses ${counts.join(', ')}`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='z-schema: of 1000 prices refuses 135 (0.01), 143 (0.05), 379 (1e-8), 203 (1e-8 above 100)
djv: of 1000 prices refuses 159 (0.01), 348 (0.05), 172 (1e-8), 0 (1e-8 above 100)
is-my-json-valid: of 1000 prices refuses 0 (0.01), 0 (0.05), 901 (1e-8), 1000 (1e-8 above 100)
jsen: of 1000 prices refuses 0 (0.01), 0 (0.05), 0 (1e-8), 1000 (1e-8 above 100)
@cfworker/json-schema: of 1000 prices refuses 0 (0.01), 0 (0.05), 0 (1e-8), 0 (1e-8 above 100)'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
