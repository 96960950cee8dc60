#!/usr/bin/env bash
# cbor-x 1.6.9 and msgpackr 2.1.4 read a time in milliseconds that another library wrote as a BigInt, though it is
# below 2^53. Such a message cannot be given to JSON.stringify, and `ts + 1` fails. What they wrote themselves comes
# back as a number, since they write it as floating point. cbor 10.0.12, cborg 6.1.5 and @msgpack/msgpack 3.1.3 read
# a number. Options help.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts cbor-x@1.6.9 cbor@10.0.12 cborg@6.1.5 cbor-sync@1.0.4 \
	borc@3.0.0 msgpackr@2.1.4 @msgpack/msgpack@3.1.3 notepack.io@3.0.1 >/dev/null || exit 2

cat >probe.mjs <<'EOS'
import borc from 'borc';
import cbor from 'cbor';
import sync from 'cbor-sync';
import * as x from 'cbor-x';
import * as cborg from 'cborg';
import * as msgpack from '@msgpack/msgpack';
import * as msgpackr from 'msgpackr';
import notepack from 'notepack.io';

const message = { price: 60214.3, ts: 1710000000123 };
const formats = [
  [
    { cbor: cbor.encode, cborg: cborg.encode, 'cbor-sync': sync.encode, borc: borc.encode, 'cbor-x': x.encode },
    {
      'cbor-x': x.decode,
      'cbor-x with an option': bytes => new x.Decoder({ int64AsNumber: true, mapsAsObjects: true }).decode(bytes),
      cbor: cbor.decode,
      cborg: cborg.decode,
    },
  ],
  [
    { '@msgpack/msgpack': msgpack.encode, 'notepack.io': notepack.encode, msgpackr: msgpackr.pack },
    {
      msgpackr: msgpackr.unpack,
      'msgpackr with an option': bytes => new msgpackr.Unpackr({ int64AsType: 'auto', mapsAsObjects: true }).unpack(bytes),
      '@msgpack/msgpack': msgpack.decode,
    },
  ],
];
for (const [writers, readers] of formats) {
  for (const [reader, read] of Object.entries(readers)) {
    const seen = Object.entries(writers).map(([writer, write]) => `${typeof read(Buffer.from(write(message))).ts} of ${writer}`);
    console.log(`${reader} reads ts as: ${seen.join(', ')}`);
  }
}
EOS
got=$(timeout 60 node probe.mjs) || exit 2
want='cbor-x reads ts as: bigint of cbor, bigint of cborg, bigint of cbor-sync, bigint of borc, number of cbor-x
cbor-x with an option reads ts as: number of cbor, number of cborg, number of cbor-sync, number of borc, number of cbor-x
cbor reads ts as: number of cbor, number of cborg, number of cbor-sync, number of borc, number of cbor-x
cborg reads ts as: number of cbor, number of cborg, number of cbor-sync, number of borc, number of cbor-x
msgpackr reads ts as: bigint of @msgpack/msgpack, bigint of notepack.io, number of msgpackr
msgpackr with an option reads ts as: number of @msgpack/msgpack, number of notepack.io, number of msgpackr
@msgpack/msgpack reads ts as: number of @msgpack/msgpack, number of notepack.io, number of msgpackr'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
