#!/usr/bin/env bash
# avsc 5.7.9 makes an Avro type from values with Type.forValue: a number with a fraction is a 32-bit float, and so is a
# whole number of more than 31 bits. Prices change from the third decimal on, and a time in milliseconds by 46 seconds.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts avsc@5.7.9 >/dev/null || exit 2

cat >probe.js <<'EOF'
const { Type } = require('avsc');
const ask = (name, ...messages) => {
  const element = Type.forValue(messages).itemsType;
  console.log(name, element.fields.map(f => `${f.name}: ${f.type.typeName}`).join(', '));
  for (const message of messages) {
    console.log('  ', JSON.stringify(message), 'becomes', JSON.stringify(element.fromBuffer(element.toBuffer(message))));
  }
};
ask('one message', { price: 60214.3, ts: 1710000000 });
ask('milliseconds', { price: 60214.3, ts: 1710000000123 });
ask('whole and not', { price: 60214, ts: 1710000000123 }, { price: 60214.3, ts: 1710000000456 });
ask('seconds and milliseconds', { price: 60214.3, ts: 1710000000 }, { price: 60214.3, ts: 1710000000123 });
EOF
got=$(timeout 60 node probe.js) || exit 2
want='one message price: float, ts: int
   {"price":60214.3,"ts":1710000000} becomes {"price":60214.30078125,"ts":1710000000}
milliseconds price: float, ts: float
   {"price":60214.3,"ts":1710000000123} becomes {"price":60214.30078125,"ts":1710000046080}
whole and not price: float, ts: float
   {"price":60214,"ts":1710000000123} becomes {"price":60214,"ts":1710000046080}
   {"price":60214.3,"ts":1710000000456} becomes {"price":60214.30078125,"ts":1710000046080}
seconds and milliseconds price: float, ts: float
   {"price":60214.3,"ts":1710000000} becomes {"price":60214.30078125,"ts":1710000000}
   {"price":60214.3,"ts":1710000000123} becomes {"price":60214.30078125,"ts":1710000046080}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
