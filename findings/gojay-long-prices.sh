#!/usr/bin/env bash
# gojay v1.2.13 (Go) reads a price of 20 and more digits as another number, without an error: 1234.123456789012345678
# becomes -1.81, 60214.123456789012345 becomes 4873.89, 0.000000000000000000158 becomes 0.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module probe
go 1.24
require github.com/francoispqt/gojay v1.2.13
EOF
cat >main.go <<'EOF'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/francoispqt/gojay"
)

func main() {
	for _, text := range []string{"60214.30", "0.123456789012345678", "1.123456789012345678", "60214.123456789012345",
		"1234.123456789012345678", "60214.300000000000000001", "0.0000000000000000158", "0.000000000000000000158", "1.58E-19"} {
		var got, want float64
		err := gojay.Unmarshal([]byte(text), &got)
		if json.Unmarshal([]byte(text), &want); err != nil {
			fmt.Println(text, err)
		} else {
			fmt.Println(text, "gojay", got, "encoding/json", want)
		}
	}
}
EOF
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 200 go run .) || exit 2
want='60214.30 gojay 60214.3 encoding/json 60214.3
0.123456789012345678 gojay 0.12345678901234568 encoding/json 0.12345678901234568
1.123456789012345678 gojay 1.1234567890123457 encoding/json 1.1234567890123457
60214.123456789012345 gojay 4873.891235660358 encoding/json 60214.12345678901
1234.123456789012345678 gojay -1.8083961495276126 encoding/json 1234.1234567890124
60214.300000000000000001 gojay 4.127343412023525 encoding/json 60214.3
0.0000000000000000158 gojay 1.58e-17 encoding/json 1.58e-17
0.000000000000000000158 gojay 0 encoding/json 1.58e-19
1.58E-19 gojay 1.58e-19 encoding/json 1.58e-19'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
