#!/usr/bin/env bash
# json-2-csv 5.6.0 writes a name with a point as a heading with a backslash: BRK.B becomes BRK\.B. Read from a file
# of another program, the column BRK.B becomes an object BRK with a key B, the instrument 1E5 the number 100000,
# and a ts of 19 digits is rounded.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts json-2-csv@5.6.0 >/dev/null || exit 2

cat >probe.js <<'EOS'
const { json2csv, csv2json } = require('json-2-csv');

console.log(json2csv([{ ts: 1710000000123, 'BRK.B': 412.5, BTC: 60214.3 }]));
const csv = 'instrument,ts,BRK.B\n1E5,1710000000123456789,412.50\n007,1710000000123,412.5';
console.log(JSON.stringify(csv2json(csv)));
// The option that keeps points when a file is written.
console.log(json2csv([{ 'BRK.B': 412.5 }], { escapeHeaderNestedDots: false }));
EOS
got=$(timeout 60 node probe.js) || exit 2
want='ts,BRK\.B,BTC
1710000000123,412.5,60214.3
[{"instrument":100000,"ts":1710000000123456800,"BRK":{"B":412.5}},{"instrument":"007","ts":1710000000123,"BRK":{"B":412.5}}]
BRK.B
412.5'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
