package bridge

import (
	"context"
	"sync/atomic"
	"time"
)

// State says whether the link works.
type State string

// The states of a link.
const (
	Connecting State = "connecting" // it never worked yet
	OK         State = "ok"         // an own heartbeat came back not long ago
	Degraded   State = "degraded"   // it worked, and is lost
)

// Status is the state of the link to all of Redis. It is OK if all shards are,
// Degraded if one is, and Connecting otherwise: OK since the last of them is, and
// not OK since the first of them is not.
type Status struct {
	State  State
	Since  time.Time     // when it came into this state
	Shards []ShardStatus // by name
}

// ShardStatus is the state of the link to one Redis master.
type ShardStatus struct {
	Name   string // its address; with Sentinel what the sentinels call it; of missing masters the first address of the URL
	State  State
	Since  time.Time
	Reason string // why it is not OK; "" if it is, or nothing failed yet
}

// Status is the state of the link at this moment. It may be called at any time.
func (b *Bridge) Status() Status {
	s := Status{State: OK}
	all := []ShardStatus{}
	for _, shard := range *b.masters.shards.Load() {
		all = append(all, *shard.status.Load())
	}
	if missing := b.masters.missing.Load(); missing != nil {
		all = append(all, *missing)
	}
	for _, one := range all {
		s.Shards = append(s.Shards, one)
		switch {
		case badness(one.State) > badness(s.State):
			s.State, s.Since = one.State, one.Since
		case one.State != s.State:
		case (s.State == OK) == one.Since.After(s.Since):
			s.Since = one.Since
		}
	}
	return s
}

// tellState tells the Sink whether the link works, and since when, as that changes.
func (b *Bridge) tellState(ctx context.Context) {
	told := Status{State: OK, Since: time.Time{}}
	for first := true; ; first = false {
		now := b.Status()
		if first || (now.State == OK) != (told.State == OK) {
			told = now
			b.opts.Sink.State(ctx, now.State == OK, now.Since)
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			return
		}
	}
}

func badness(s State) int {
	switch s {
	case Degraded:
		return 2
	case Connecting:
		return 1
	default:
		return 0
	}
}

// DropReason says why an event was not passed on.
type DropReason uint8

// The reasons of drops. An event that was not passed on because a newer one of its
// room is known is no drop: it is counted as refused or conflated.
const (
	DropInDoubt   DropReason = iota // the call failed: Redis may have published it or not
	DropNotSent                     // the link was lost before it was sent, or the master did not take it
	DropInboxFull                   // the Sink was too slow: messages past the bound, and values far past it
	DropGarbage                     // one event of another instance that is not valid
	DropClosing                     // it waited for the Sink, which may have taken it, or for its Redis master when Run ended
	dropReasons
)

// DropReasons lists all reasons.
func DropReasons() []DropReason {
	return []DropReason{DropInDoubt, DropNotSent, DropInboxFull, DropGarbage, DropClosing}
}

// String is the reason as a metric's label.
func (r DropReason) String() string {
	switch r {
	case DropInDoubt:
		return "in_doubt"
	case DropNotSent:
		return "not_sent"
	case DropInboxFull:
		return "inbox_full"
	case DropGarbage:
		return "garbage"
	case DropClosing:
		return "closing"
	default:
		return "unknown"
	}
}

// Stats are counters since New, in events where nothing else is said, and one gauge.
type Stats struct {
	Published   uint64 // accepted by Redis and published
	Bundles     uint64 // Redis messages that they were published in
	Bytes       uint64 // sent with them
	Refused     uint64 // not published: Redis holds a newer version
	Unchanged   uint64 // not published: Redis holds this very version
	StoreFailed uint64 // calls in which a value was published but could not be stored
	Received    uint64 // of other instances, handed to the Sink
	Conflated   uint64 // left out for a newer one: others' while the Sink was slow, own while their Redis master was away
	OwnEchoes   uint64 // own bundles that came back, not parsed
	Garbage     uint64 // Redis messages and stored values that could not be read
	Reads       uint64 // requests for last prices
	ReadErrors  uint64 // of these, answered with an error
	Reconnects  uint64 // times the link was lost after it had worked
	Reloads     uint64 // times Redis had forgotten the script
	Heartbeats  uint64 // own ones that came back
	Peers       int    // gauge: other instances heard in the last few heartbeats
	Drops       map[DropReason]uint64
}

// counters are Stats as they are counted, by all goroutines.
type counters struct {
	published, bundles, bytes, refused, unchanged, storeFailed atomic.Uint64
	received, conflated, ownEchoes, garbage                    atomic.Uint64
	reads, readErrors                                          atomic.Uint64
	reconnects, reloads, heartbeats                            atomic.Uint64
	drops                                                      [dropReasons]atomic.Uint64
}

func (c *counters) drop(r DropReason, events int) {
	if events > 0 {
		c.drops[r].Add(uint64(events))
	}
}

func (c *counters) stats() Stats {
	s := Stats{
		Published: c.published.Load(), Bundles: c.bundles.Load(), Bytes: c.bytes.Load(),
		Refused: c.refused.Load(), Unchanged: c.unchanged.Load(), StoreFailed: c.storeFailed.Load(),
		Received: c.received.Load(), Conflated: c.conflated.Load(),
		OwnEchoes: c.ownEchoes.Load(), Garbage: c.garbage.Load(),
		Reads: c.reads.Load(), ReadErrors: c.readErrors.Load(),
		Reconnects: c.reconnects.Load(), Reloads: c.reloads.Load(), Heartbeats: c.heartbeats.Load(),
		Drops: make(map[DropReason]uint64, dropReasons),
	}
	for _, r := range DropReasons() {
		s.Drops[r] = c.drops[r].Load()
	}
	return s
}

// Stats returns the counters as they are now. It may be called at any time.
func (b *Bridge) Stats() Stats {
	s := b.count.stats()
	for _, shard := range *b.masters.shards.Load() {
		s.Peers = max(s.Peers, int(shard.peers.Load()))
	}
	return s
}
