package bridge

import "backbone/internal/partition"

// names are the keys and channels in Redis. The channel and the keys of a partition share
// its hash tag, so a cluster keeps them on one master.
type names struct{ prefix string }

func tagged(p int) string { return "{" + partition.Tag(p) + "}" }

func (n names) events(p int) string { return n.prefix + "events:" + tagged(p) }

// last is the key of a room's newest value of a type.
func (n names) last(typ, room string) string { return n.noLast(partition.Of(room)) + typ + ":" + room }

// noLast is a key among the newest values of a partition that never exists, because it names
// neither a type nor a room.
func (n names) noLast(p int) string { return n.prefix + "last:" + tagged(p) + ":" }

// heartbeat is the channel of heartbeats. The channel of one master of a cluster carries the
// tag of the master's lowest partition, so that all instances use the same channel.
func (n names) heartbeat(bySlot bool, held partition.Set) string {
	if !bySlot {
		return n.prefix + "heartbeat"
	}
	return n.prefix + "heartbeat:" + tagged(held.First())
}

// channels maps the channels of partitions to the partitions.
func (n names) channels(of partition.Set) map[string]int {
	m := make(map[string]int, of.Len())
	for p := range of.Each() {
		m[n.events(p)] = p
	}
	return m
}
