#!/usr/bin/env bash
# go-redis v9.23.0 does not subscribe again when the slot of a sharded channel moves to another node of a Redis cluster:
# it hands on the server's "sunsubscribe", and then nothing comes any more, without an error. ioredis 6.0.0 (with
# shardedSubscribers) and redis 6.3.1 of npm subscribe at the new node. The cluster is two nodes of Redis 7.0.15.
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
export LD_LIBRARY_PATH=$dir/root/usr/lib/$(uname -m)-linux-gnu
echo '{}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts ioredis@6.0.0 redis@6.3.1 >/dev/null || exit 2

a=$((20000 + RANDOM % 1000 * 2)) b=$((a + 1))
for port in $a $b; do
	mkdir "$port"
	redis-server --port $port --bind 127.0.0.1 --cluster-enabled yes --save '' --dir "$dir/$port" >"$port.log" &
	pids+=($!)
done
for port in $a $b; do
	for _ in {1..50}; do redis-cli -p $port ping >/dev/null 2>&1 && break || sleep 0.1; done
done
{
	redis-cli -p $a cluster addslotsrange 0 8191
	redis-cli -p $b cluster addslotsrange 8192 16383
	redis-cli -p $b cluster set-config-epoch 2
	redis-cli -p $a cluster meet 127.0.0.1 $b
} >/dev/null || exit 2
for port in $a $b; do
	for _ in {1..100}; do redis-cli -p $port cluster info | grep -q state:ok && break || sleep 0.1; done
done
slot=$(redis-cli -p $a cluster keyslot ch1) # 9930, of the second node

# move FROM TO: the four commands of the cluster tutorial; there is no key to migrate.
move() {
	local from to
	from=$(redis-cli -p "$1" cluster myid) to=$(redis-cli -p "$2" cluster myid)
	redis-cli -p "$2" cluster setslot "$slot" importing "$from"
	redis-cli -p "$1" cluster setslot "$slot" migrating "$to"
	redis-cli -p "$2" cluster setslot "$slot" node "$to"
	redis-cli -p "$1" cluster setslot "$slot" node "$to"
} >/dev/null

# ask NAME COMMAND...: what the subscriber prints, and how many it is that the new node knows 5 s after the move.
ask() {
	local name=$1 pid
	shift
	"$@" >"$name.log" 2>&1 &
	pid=$!
	pids+=($pid)
	for _ in {1..100}; do [ "$(redis-cli -p $b pubsub shardnumsub ch1 | tail -1)" = 1 ] && break || sleep 0.1; done
	redis-cli -p $b spublish ch1 before >/dev/null
	sleep 0.5
	move $b $a
	sleep 5
	echo "$name subscribers after the move: $(redis-cli -p $a spublish ch1 after)"
	sleep 0.5
	kill $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	sed "s/^/$name /" "$name.log"
	move $a $b
	sleep 1
}

cat >ioredis.js <<'EOF'
const { Cluster } = require('ioredis');
const cluster = new Cluster([{ host: '127.0.0.1', port: +process.argv[2] }], { shardedSubscribers: true });
cluster.on('smessage', (_, message) => console.log('got', message));
cluster.ssubscribe('ch1');
EOF
cat >redis.js <<'EOF'
const { createCluster } = require('redis');
const cluster = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${process.argv[2]}` }] });
cluster.on('error', error => console.log(error.message));
cluster.connect().then(() => cluster.sSubscribe('ch1', message => console.log('got', message)));
EOF
cat >go.mod <<'EOF'
module probe
go 1.24
require github.com/redis/go-redis/v9 v9.23.0
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

func main() {
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:" + os.Args[1]}})
	for event := range cluster.SSubscribe(context.Background(), "ch1").ChannelWithSubscriptions() {
		switch event := event.(type) {
		case *redis.Subscription:
			fmt.Println(event.Kind)
		case *redis.Message:
			fmt.Println("got", event.Payload)
		}
	}
}
EOF
go mod tidy >/dev/null 2>&1 || exit 2
go build -o go-redis . || exit 2
got=$(
	ask go-redis ./go-redis $a
	ask ioredis node ioredis.js $a
	ask redis node redis.js $a
)
want='go-redis subscribers after the move: 0
go-redis ssubscribe
go-redis got before
go-redis sunsubscribe
ioredis subscribers after the move: 1
ioredis got before
ioredis got after
redis subscribers after the move: 1
redis got before
redis got after'
echo "$got"
[ "$got" = "$want" ] || {
	printf '\nCHANGED: expected\n%s\n' "$want"
	exit 1
}
