#!/usr/bin/env bash
# msgpack-lite 0.2.2 writes whole numbers from 2^32 on as floating point: a time in seconds is an integer (ce), the
# same time in milliseconds is not (cb). vmihailenco/msgpack v5.4.1 (Go) refuses the second for an int64.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts msgpack-lite@0.2.2 @msgpack/msgpack@3.1.3 >/dev/null || exit 2

cat >probe.js <<'EOF'
const lite = require('msgpack-lite');
const other = require('@msgpack/msgpack');
for (const ts of [1710000000, 1710000000123]) {
  console.log(`${ts} msgpack-lite ${lite.encode(ts).toString('hex')} @msgpack/msgpack ${Buffer.from(other.encode(ts)).toString('hex')}`);
}
EOF
cat >go.mod <<'EOF'
module probe
go 1.24
require github.com/vmihailenco/msgpack/v5 v5.4.1
EOF
cat >main.go <<'EOF'
package main

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/vmihailenco/msgpack/v5"
)

func main() {
	for _, arg := range os.Args[1:] {
		data, _ := hex.DecodeString(arg)
		var ts int64
		err := msgpack.Unmarshal(data, &ts)
		fmt.Printf("Go %s: %d, %v\n", arg[:2], ts, err)
	}
}
EOF
js=$(timeout 60 node probe.js) || exit 2
go mod tidy >/dev/null 2>&1 || exit 2
# shellcheck disable=SC2046 # one argument each
go=$(timeout 200 go run . $(awk '{print $3}' <<<"$js")) || exit 2
got=$js$'\n'$go
want='1710000000 msgpack-lite ce65ec8780 @msgpack/msgpack ce65ec8780
1710000000123 msgpack-lite cb4278e23f14c7b000 @msgpack/msgpack cf0000018e23f14c7b
Go ce: 1710000000, <nil>
Go cb: 0, msgpack: invalid code=cb decoding int64'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
