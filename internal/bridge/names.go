package bridge

import "backbone/internal/partition"

// names are the keys and channels in Redis. The channel and the keys of a partition share
// its hash tag, so a cluster keeps them on one master.
type names struct{ prefix string }

func tagged(p int) string { return "{" + partition.Tag(p) + "}" }

func (n names) events(p int) string { return n.prefix + "events:" + tagged(p) }

func (n names) lastPrice(room string) string { return n.noPrice(partition.Of(room)) + room }

// noPrice is a key among the last prices of a partition that never exists: its room has
// no name.
func (n names) noPrice(p int) string { return n.prefix + "last_price:" + tagged(p) + ":" }

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
