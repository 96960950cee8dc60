package bridge

import (
	"math/bits"
	"strconv"
)

// Partitions is the number of partitions that rooms are divided into.
const Partitions = 64

const allPartitions = ^uint64(0)

// Partition is the partition of a room, 0 to 63: the FNV-1a hash (32 bits) of its name
// modulo 64. It names keys in Redis and so never changes.
func Partition(room string) int {
	h := uint32(2166136261)
	for i := range len(room) {
		h = (h ^ uint32(room[i])) * 16777619
	}
	return int(h % Partitions)
}

// names are the keys and channels in Redis. A partition's channel and keys share a
// hash tag, so that a cluster holds them on one node.
type names struct{ prefix string }

func (n names) events(p int) string { return n.prefix + "events:{" + strconv.Itoa(p) + "}" }

func (n names) lastPrice(room string) string {
	return n.prefix + "last_price:{" + strconv.Itoa(Partition(room)) + "}:" + room
}

// noPrice is a key beside the last prices of a partition, of no room: it never exists.
func (n names) noPrice(p int) string { return n.prefix + "last_price:{" + strconv.Itoa(p) + "}:" }

// heartbeat is the channel of heartbeats. That of one master of a cluster is in a slot
// of its own, the first: so all instances use the same one.
func (n names) heartbeat(sharded bool, partitions uint64) string {
	if !sharded {
		return n.prefix + "heartbeat"
	}
	return n.prefix + "heartbeat:{" + strconv.Itoa(bits.TrailingZeros64(partitions)) + "}"
}

// channels maps the channels of partitions to them.
func (n names) channels(partitions uint64) map[string]int {
	m := make(map[string]int, Partitions)
	for p := range Partitions {
		if partitions&(1<<p) != 0 {
			m[n.events(p)] = p
		}
	}
	return m
}
