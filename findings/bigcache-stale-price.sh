#!/usr/bin/env bash
# bigcache v3.1.0 (Go) does not look at the age of an entry when it is read. After its LifeWindow an entry is served
# until the next clean-up, and for ever with CleanWindow 0. go-cache, which has a clean-up too, looks at it.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module probe
go 1.24
require (
	github.com/allegro/bigcache/v3 v3.1.0
	github.com/patrickmn/go-cache v2.1.0+incompatible
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/allegro/bigcache/v3"
	"github.com/patrickmn/go-cache"
)

func main() {
	config := func(clean time.Duration) *bigcache.BigCache {
		c := bigcache.DefaultConfig(time.Second)
		c.CleanWindow, c.Verbose = clean, false
		cache, err := bigcache.New(context.Background(), c)
		if err != nil {
			panic(err)
		}
		cache.Set("BTC_USDT", []byte("60214.30"))
		return cache
	}
	never, rarely := config(0), config(time.Minute)
	other := cache.New(time.Second, time.Minute)
	other.SetDefault("BTC_USDT", "60214.30")
	time.Sleep(5 * time.Second)
	price, err := never.Get("BTC_USDT")
	fmt.Printf("lives 1 s, after 5 s, CleanWindow 0: %s, %v\n", price, err)
	price, err = rarely.Get("BTC_USDT")
	fmt.Printf("lives 1 s, after 5 s, CleanWindow 1 min: %s, %v\n", price, err)
	_, found := other.Get("BTC_USDT")
	fmt.Printf("go-cache, lives 1 s, after 5 s, clean-up each minute: found %v\n", found)
}
EOF
go mod tidy >/dev/null 2>&1 || exit 2
got=$(timeout 200 go run .) || exit 2
want='lives 1 s, after 5 s, CleanWindow 0: 60214.30, <nil>
lives 1 s, after 5 s, CleanWindow 1 min: 60214.30, <nil>
go-cache, lives 1 s, after 5 s, clean-up each minute: found false'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
