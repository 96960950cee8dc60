#!/usr/bin/env bash
# miniredis v2.40.0 (Go, a Redis for tests) computes with numbers otherwise than Redis 7.0.15: INCRBYFLOAT has a short result where
# that of Redis has 19 digits, scores have the shortest text, cjson.encode keeps more digits, and an empty list stays a list,
# where Redis writes {}. So a book without bids is right in a test, and has another type in Redis.
#
# Exit code: 0 as told above, 1 the behaviour has changed, 2 nothing could be installed or run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT
cd "$dir"
# Unpacked here with what is missing of their dependencies; nothing is installed. Needs apt-get update first.
apt-get -qq -y -d -o Dir::Cache::archives="$dir" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	--no-install-recommends install redis-server=5:7.0.15-1~deb12u10 redis-tools=5:7.0.15-1~deb12u10 >/dev/null || exit 2
for deb in *.deb; do
	[ ! -e "$deb" ] || dpkg-deb -x "$deb" root
done
PATH=$dir/root/usr/bin:$PATH
cat >go.mod <<'EOS'
module probe
go 1.24
require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/redis/go-redis/v9 v9.23.0
)
EOS
cat >main.go <<'EOS'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	mini, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	servers := []*redis.Client{
		redis.NewClient(&redis.Options{Addr: os.Args[1], Protocol: 2}),
		redis.NewClient(&redis.Options{Addr: mini.Addr(), Protocol: 2}),
	}
	for _, command := range [][]any{
		{"SET", "price", "60214.30"},
		{"INCRBYFLOAT", "price", "0.1"},
		{"ZADD", "prices", "60214.30", "BTC"},
		{"ZSCORE", "prices", "BTC"},
		{"EVAL", "return 60214.7", 0},
		{"EVAL", "return cjson.encode(cjson.decode(ARGV[1]))", 0, `{"price":60214.123456789012}`},
		{"EVAL", "return cjson.encode(cjson.decode(ARGV[1]))", 0, `{"bids":[]}`},
		{"EVAL", "return cjson.encode(cjson.decode(ARGV[1]))", 0, `{"ts":1710000000123456}`},
	} {
		fmt.Print(strings.TrimSpace(fmt.Sprintln(command...)))
		for i, name := range []string{"redis", "miniredis"} {
			answer, err := servers[i].Do(context.Background(), command...).Result()
			if err != nil {
				answer = err
			}
			fmt.Print(" | ", name, " ", answer)
		}
		fmt.Println()
	}
}
EOS
go mod tidy >/dev/null 2>&1 && go build -o probe . || exit 2

port=$((20000 + RANDOM % 20000))
LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu redis-server --port $port --bind 127.0.0.1 --save '' --dir "$dir" >redis.log &
pids+=($!)
for _ in {1..50}; do (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break || sleep 0.1; done
got=$(timeout 60 ./probe 127.0.0.1:$port) || exit 2
want='SET price 60214.30 | redis OK | miniredis OK
INCRBYFLOAT price 0.1 | redis 60214.40000000000000213 | miniredis 60214.4
ZADD prices 60214.30 BTC | redis 1 | miniredis 1
ZSCORE prices BTC | redis 60214.300000000003 | miniredis 60214.3
EVAL return 60214.7 0 | redis 60214 | miniredis 60214
EVAL return cjson.encode(cjson.decode(ARGV[1])) 0 {"price":60214.123456789012} | redis {"price":60214.123456789} | miniredis {"price":60214.12345678901}
EVAL return cjson.encode(cjson.decode(ARGV[1])) 0 {"bids":[]} | redis {"bids":{}} | miniredis {"bids":[]}
EVAL return cjson.encode(cjson.decode(ARGV[1])) 0 {"ts":1710000000123456} | redis {"ts":1.7100000001235e+15} | miniredis {"ts":1710000000123456}'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
