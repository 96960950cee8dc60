#!/usr/bin/env bash
# olekukonko/tablewriter v1.1.5 changes headings: BTC_USDT becomes BTC USDT, CL.F becomes CL . F and kBONK becomes K BONK, so
# that two instruments can have one heading. With WithHeaderAutoFormat(tw.Off) they stay.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOS'
module probe
go 1.24
require github.com/olekukonko/tablewriter v1.1.5
EOS
cat >main.go <<'EOS'
package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

func main() {
	for _, options := range [][]tablewriter.Option{nil, {tablewriter.WithHeaderAutoFormat(tw.Off)}} {
		var out bytes.Buffer
		table := tablewriter.NewTable(&out, options...)
		table.Header("BTC_USDT", "BTC USDT", "CL.F", "kBONK")
		table.Append("60214.30", "60214.35", "-37.63", "0.0158")
		table.Render()
		for _, line := range strings.Split(out.String(), "\n")[1:4] {
			if strings.Contains(line, "│") {
				fmt.Println(line)
			}
		}
	}
}
EOS
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 120 go run .) || exit 2
want='│ BTC USDT │ BTC USDT │ CL . F │ K BONK │
│ 60214.30 │ 60214.35 │ -37.63 │ 0.0158 │
│ BTC_USDT │ BTC USDT │  CL.F  │ kBONK  │
│ 60214.30 │ 60214.35 │ -37.63 │ 0.0158 │'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
