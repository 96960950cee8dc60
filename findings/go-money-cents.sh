#!/usr/bin/env bash
# Rhymond/go-money v1.0.15 cuts off what is left behind the cents when a price is a float64, also where the price
# has whole cents: NewFromFloat(0.29, "USD") is $0.28. A code that it does not know, such as USDT, gets two decimals
# without an error.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOS'
module probe
go 1.24
require github.com/Rhymond/go-money v1.0.15
EOS
cat >main.go <<'EOS'
package main

import (
	"fmt"
	"strconv"

	"github.com/Rhymond/go-money"
)

func main() {
	for _, price := range []float64{0.29, 1.15, 4.35, 19.99, 60214.3} {
		fmt.Println(price, "is", money.NewFromFloat(price, "USD").Display())
	}
	lower := 0
	for cents := int64(1); cents <= 10000; cents++ {
		price, _ := strconv.ParseFloat(fmt.Sprintf("%d.%02d", cents/100, cents%100), 64)
		if money.NewFromFloat(price, "USD").Amount() != cents {
			lower++
		}
	}
	fmt.Println("one cent less:", lower, "of 10000 prices")
	fmt.Println("0.00012345 BTC is", money.NewFromFloat(0.00012345, "BTC").Display())
}
EOS
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 120 go run .) || exit 2
want='0.29 is $0.28
1.15 is $1.14
4.35 is $4.34
19.99 is $19.98
60214.3 is $60,214.30
one cent less: 573 of 10000 prices
0.00012345 BTC is 0.00BTC'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
