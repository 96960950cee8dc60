#!/usr/bin/env bash
# @asyncapi/modelina 5.10.1 makes 32 bits of an integer whose schema has no format, whatever its maximum says: int in Java, i32
# in Rust. With format int64 it makes 64, but ajv 8.20.0 then refuses the schema. quicktype-core 26.0.0 makes 64 bits
# without a format, except in Crystal.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @asyncapi/modelina@5.10.1 quicktype-core@26.0.0 \
	ajv@8.20.0 >/dev/null || exit 2

cat >probe.js <<'EOS'
const modelina = require('@asyncapi/modelina');
const { Ajv } = require('ajv');
const { FetchingJSONSchemaStore, InputData, JSONSchemaInput, quicktype } = require('quicktype-core');

const schema = format => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'price',
  type: 'object',
  properties: { ts: { type: 'integer', minimum: 0, maximum: 2 ** 63, ...format } },
  required: ['ts'],
});
const field = text => text.split('\n').find(line => /\bts\b.*\b(u?int|long|i)|\b(int|long)[0-9_t]* ts\b/i.test(line)).trim();
(async () => {
  for (const format of [{}, { format: 'int64' }]) {
    console.log(format.format ?? 'no format');
    for (const language of ['Java', 'Kotlin', 'CSharp', 'Rust', 'Cplusplus']) {
      const [model] = await new modelina[`${language}Generator`]().generate(schema(format));
      console.log('  modelina', `${language}:`, field(model.result));
    }
    for (const lang of ['java', 'crystal']) {
      const input = new JSONSchemaInput(new FetchingJSONSchemaStore());
      await input.addSource({ name: 'Price', schema: JSON.stringify(schema(format)) });
      const inputData = new InputData();
      inputData.addInput(input);
      console.log('  quicktype', `${lang}:`, field((await quicktype({ inputData, lang })).lines.join('\n')));
    }
    try {
      new Ajv().compile(schema(format));
      console.log('  ajv: compiles');
    } catch (error) {
      console.log('  ajv:', error.message.slice(0, 22));
    }
  }
})();
EOS
got=$(timeout 120 node probe.js) || exit 2
want='no format
  modelina Java: private int ts;
  modelina Kotlin: val ts: Int,
  modelina CSharp: private int ts;
  modelina Rust: pub ts: i32,
  modelina Cplusplus: int ts;
  quicktype java: private long ts;
  quicktype crystal: property ts : Int32
  ajv: compiles
int64
  modelina Java: private long ts;
  modelina Kotlin: val ts: Long,
  modelina CSharp: private long ts;
  modelina Rust: pub ts: i64,
  modelina Cplusplus: int ts;
  quicktype java: private long ts;
  quicktype crystal: property ts : Int32
  ajv: unknown format "int64"'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
