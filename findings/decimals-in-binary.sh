#!/usr/bin/env bash
# What becomes of a price that is an object of decimal.js 10.6.0, bignumber.js 11.1.5 or big.js 7.0.1 in an encoder for
# MessagePack, CBOR or BSON: JSON writes each as text, by its toJSON. Some encoders do the same, some refuse, and some write
# what the object has inside, {s,e,c}, which no reader takes for a price.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts decimal.js@10.6.0 bignumber.js@11.1.5 big.js@7.0.1 \
	@msgpack/msgpack@3.1.3 msgpackr@2.1.4 msgpack5@6.1.0 notepack.io@3.0.1 cbor@10.0.12 cbor-x@1.6.9 cborg@6.1.5 \
	bson@7.3.4 >/dev/null || exit 2

cat >probe.mjs <<'EOS'
import { createRequire } from 'module';
import * as cborg from 'cborg';

const load = createRequire(import.meta.url);
const pair = (name, to, from) => message => load(name)[from](load(name)[to](message));
const encoders = {
  JSON: message => JSON.parse(JSON.stringify(message)),
  msgpackr: pair('msgpackr', 'pack', 'unpack'),
  'notepack.io': pair('notepack.io', 'encode', 'decode'),
  '@msgpack/msgpack': pair('@msgpack/msgpack', 'encode', 'decode'),
  'cbor-x': pair('cbor-x', 'encode', 'decode'),
  cborg: message => cborg.decode(cborg.encode(message)),
  msgpack5: message => load('msgpack5')().decode(load('msgpack5')().encode(message).slice()),
  cbor: pair('cbor', 'encode', 'decodeFirstSync'),
  bson: pair('bson', 'serialize', 'deserialize'),
};
for (const [name, through] of Object.entries(encoders)) {
  const fates = ['decimal.js', 'bignumber.js', 'big.js'].map(library => {
    const price = new (load(library))('60214.30');
    try {
      const { price: read } = through({ price });
      return `${library} ${read === '60214.3' ? 'text' : read.e === 4 ? 'internals' : JSON.stringify(read)}`;
    } catch {
      return `${library} refused`;
    }
  });
  console.log(`${name}: ${fates.join(', ')}`);
}
EOS
got=$(timeout 60 node probe.mjs) || exit 2
want='JSON: decimal.js text, bignumber.js text, big.js text
msgpackr: decimal.js text, bignumber.js text, big.js text
notepack.io: decimal.js text, bignumber.js text, big.js text
@msgpack/msgpack: decimal.js refused, bignumber.js internals, big.js refused
cbor-x: decimal.js refused, bignumber.js internals, big.js refused
cborg: decimal.js refused, bignumber.js internals, big.js refused
msgpack5: decimal.js internals, bignumber.js internals, big.js internals
cbor: decimal.js internals, bignumber.js internals, big.js internals
bson: decimal.js internals, bignumber.js internals, big.js internals'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
