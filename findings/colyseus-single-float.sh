#!/usr/bin/env bash
# @colyseus/schema 5.0.34 writes a field of the type number as a 32-bit float when that is less than 0.0001 off: 3.3
# arrives as 3.299999952316284 and 0.00000158 as 0.0000015800000028320937. A price such as 60214.3 is farther off and
# stays. float64 keeps all.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @colyseus/schema@5.0.34 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { Decoder, Encoder, schema, t } = require('@colyseus/schema');

// sent is what a client of Colyseus has of a price.
const sent = (State, price) => {
  const [server, client] = [new State(), new State()];
  server.price = price;
  new Decoder(client).decode(new Encoder(server).encodeAll());
  return client.price;
};
const types = { number: schema({ price: t.number() }), float64: schema({ price: t.float64() }) };
for (const [type, State] of Object.entries(types)) {
  let wrong = 0;
  for (let i = 1; i <= 10000; i++) if (sent(State, i / 10000) !== i / 10000) wrong++;
  console.log(`${type}:`, [60214.3, 3.3, 1.0823, 0.00000158].map(price => `${price} is ${sent(State, price)}`).join(', '));
  console.log(`${type}: ${wrong} of 10000 prices up to 1 differ`);
}
EOS
got=$(timeout 60 node probe.js) || exit 2
want='number: 60214.3 is 60214.3, 3.3 is 3.299999952316284, 1.0823 is 1.0822999477386475, 0.00000158 is 0.0000015800000028320937
number: 9984 of 10000 prices up to 1 differ
float64: 60214.3 is 60214.3, 3.3 is 3.3, 1.0823 is 1.0823, 0.00000158 is 0.00000158
float64: 0 of 10000 prices up to 1 differ'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
