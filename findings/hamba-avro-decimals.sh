#!/usr/bin/env bash
# hamba/avro v2.31.0 cuts a decimal that has more digits than its schema down to the next lower value, without an error:
# 0.00000158 becomes 0, and -0.00009 becomes -0.0001 with a scale of 4.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOS'
module probe
go 1.24
require github.com/hamba/avro/v2 v2.31.0
EOS
cat >main.go <<'EOS'
package main

import (
	"fmt"
	"math/big"

	"github.com/hamba/avro/v2"
)

type tick struct {
	Price *big.Rat `avro:"price"`
}

func main() {
	schema := avro.MustParse(`{"type":"record","name":"tick","fields":[
		{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}}]}`)
	for _, text := range []string{"60214.30", "60214.30599", "0.00000158", "-0.00009"} {
		price, _ := new(big.Rat).SetString(text)
		data, err := avro.Marshal(schema, tick{price})
		var read tick
		if err == nil {
			err = avro.Unmarshal(schema, data, &read)
		}
		if err != nil {
			fmt.Println(text, "error")
			continue
		}
		fmt.Println(text, "is", read.Price.FloatString(8))
	}
}
EOS
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 120 go run .) || exit 2
want='60214.30 is 60214.30000000
60214.30599 is 60214.30590000
0.00000158 is 0.00000000
-0.00009 is -0.00010000'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
