#!/usr/bin/env bash
# ojg v1.28.5 (Go) rounds a time in nanoseconds when it decodes into a struct: oj.Unmarshal makes 1710000000123456789 an int64
# that ends in 768. oj.Parse, without a struct, keeps all digits.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module probe
go 1.24
require github.com/ohler55/ojg v1.28.5
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/ohler55/ojg/oj"
)

type update struct {
	TS int64 `json:"ts"`
}

func main() {
	for _, text := range []string{"1710000000123", "1710000000123456", "1710000000123456789", "9007199254740993"} {
		var u update
		err := oj.Unmarshal([]byte(`{"ts":`+text+`}`), &u)
		fmt.Println(text, "into a struct", u.TS, err)
		value, err := oj.ParseString(text)
		fmt.Println(text, "parsed", value, err)
	}
}
EOF
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 200 go run .) || exit 2
want='1710000000123 into a struct 1710000000123 <nil>
1710000000123 parsed 1710000000123 <nil>
1710000000123456 into a struct 1710000000123456 <nil>
1710000000123456 parsed 1710000000123456 <nil>
1710000000123456789 into a struct 1710000000123456768 <nil>
1710000000123456789 parsed 1710000000123456789 <nil>
9007199254740993 into a struct 9007199254740992 <nil>
9007199254740993 parsed 9007199254740993 <nil>'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
