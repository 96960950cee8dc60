#!/usr/bin/env bash
# asciigraph v0.10.0 (Go) rounds the labels of its axis by the size of the prices and not by their range: five lines of a plot
# from 60214.31 to 60214.35 are all labelled 60214. With Precision(2) they differ.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module probe
go 1.24
require github.com/guptarohit/asciigraph v0.10.0
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"strings"

	"github.com/guptarohit/asciigraph"
)

func labels(prices []float64, options ...asciigraph.Option) (all []string) {
	for _, line := range strings.Split(asciigraph.Plot(prices, append(options, asciigraph.Height(4))...), "\n") {
		all = append(all, strings.Fields(line)[0])
	}
	return all
}

func main() {
	for _, prices := range [][]float64{{60214.31, 60214.32, 60214.35}, {1.0821, 1.0852, 1.0834}, {0.00000158, 0.0000016, 0.00000159}} {
		fmt.Println(prices, labels(prices))
	}
	fmt.Println("Precision(2)", labels([]float64{60214.31, 60214.32, 60214.35}, asciigraph.Precision(2)))
}
EOF
export GOFLAGS='-mod=mod -modcacherw'
go mod tidy 2>/dev/null || exit 2
got=$(timeout 120 go run . 2>/dev/null) || exit 2
want='[60214.31 60214.32 60214.35] [60214 60214 60214 60214 60214]
[1.0821 1.0852 1.0834] [1.09 1.08 1.08 1.08 1.08]
[1.58e-06 1.6e-06 1.59e-06] [0.0000016 0.0000016 0.0000016 0.0000016 0.0000016]
Precision(2) [60214.35 60214.34 60214.33 60214.32 60214.31]'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
