package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// State says whether the connections to Redis work.
type State string

// The states.
const (
	Connecting State = "connecting" // the connections have not worked yet
	OK         State = "ok"         // an own heartbeat came back not long ago
	Degraded   State = "degraded"   // the connections have worked and are lost
)

// Status is the state of the connections to all of Redis. It is OK if all shards are OK,
// Degraded if one is, and Connecting otherwise. It has been OK since the last shard came up,
// and not OK since the first shard went down.
type Status struct {
	State  State
	Since  time.Time     // when the state began
	Shards []ShardStatus // by name
}

// ShardStatus is the state of the connections to one Redis master.
type ShardStatus struct {
	Name   string // address of the master; with Sentinel its name there; for missing masters the first address of the URL
	State  State
	Since  time.Time
	Reason string // why the state is not OK; "" if it is, or if nothing failed yet
	Cause  string // the kind of Reason, one of a few words without addresses or names
}

// failed returns s with err as the reason for its state.
func (s ShardStatus) failed(err error) ShardStatus {
	s.Reason, s.Cause = inWords(err), cause(err)
	return s
}

// cause is the kind of an error: what an operator has to look at, in words that anyone may read.
func cause(err error) string {
	if answer, ok := errors.AsType[*rueidis.RedisError](err); ok {
		switch code, _, _ := strings.Cut(answer.Error(), " "); code {
		case "NOAUTH", "WRONGPASS":
			return "password"
		case "NOPERM":
			return "rights"
		case "OOM":
			return "memory"
		}
		switch {
		case says(answer, noMoreClients):
			return "maxclients"
		case says(answer, noSuchCommand):
			return "command"
		case says(answer, noRight):
			return "rights"
		}
		return "answer" // as LOADING
	}
	if said, ok := errors.AsType[refusal](err); ok {
		switch {
		case said == errNoRESP3:
			return "RESP3"
		case said == errTLSPort:
			return "TLS"
		case says(said, noMoreClients):
			return "maxclients"
		}
		return "answer"
	}
	if late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && late.Timeout() { // of the network, of a context, or noEchoError
		return "timeout"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "host name"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "dial":
			return "unreachable"
		case "read", "write":
			return "lost"
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate"
	}
	for _, lost := range []error{errLost, rueidis.ErrClosing, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return "lost"
		}
	}
	return "other"
}

// Status returns the status at this moment. It is safe for concurrent use by multiple
// goroutines.
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

// tellState tells the Sink whether the connections work, and since when, whenever that
// changes.
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

// The reasons. An event that a newer value of its room replaces is not dropped: it is counted
// as refused or conflated.
const (
	DropInDoubt   DropReason = iota // the call failed: Redis may or may not have published the event
	DropNotSent                     // the connection broke before the event was sent, or the master did not accept it
	DropInboxFull                   // the Sink was too slow: messages past the bound, and values far past it
	DropGarbage                     // the event came from another instance and is not valid
	DropClosing                     // the event waited for the Sink, which may have taken it, or for its Redis master when Run ended
	dropReasons
)

// DropReasons lists all reasons.
func DropReasons() []DropReason {
	return []DropReason{DropInDoubt, DropNotSent, DropInboxFull, DropGarbage, DropClosing}
}

// String returns the reason as a metric's label.
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

// Stats are counters since New, in events unless said otherwise, and one gauge. An offer that is
// published a second time, after a change back to form 1, is counted both times.
type Stats struct {
	Published   uint64 // accepted by Redis and published
	Bundles     uint64 // Redis messages that they were published in
	Bytes       uint64 // sent with them
	Refused     uint64 // not published: Redis holds a newer version
	Unchanged   uint64 // not published: Redis holds this very version
	Repeated    uint64 // calls that Redis refused as a whole, and that were repeated to decide on each event
	StoreFailed uint64 // calls in which a value was published but could not be stored
	Received    uint64 // from other instances, handed to the Sink
	Conflated   uint64 // left out for a newer one: of others while the Sink was slow, own ones while their Redis master was away, or that waited for longer than they live
	OwnEchoes   uint64 // own bundles that came back, not parsed
	Garbage     uint64 // Redis messages and stored values that could not be read
	Reads       uint64 // requests for last prices
	ReadErrors  uint64 // requests for last prices answered with an error
	Reconnects  uint64 // times a master was lost after its connections had worked
	Reloads     uint64 // times Redis had forgotten the scripts
	Heartbeats  uint64 // own heartbeats that came back
	Peers       int    // gauge: other instances heard in the last few heartbeats
	Form        int    // gauge: form of the envelopes that are written, the lowest of all masters; 0: of none
	Drops       map[DropReason]uint64
}

// counters are Stats as all goroutines count them.
type counters struct {
	published, bundles, bytes, refused, unchanged, repeated, storeFailed atomic.Uint64
	received, conflated, ownEchoes, garbage                              atomic.Uint64
	reads, readErrors                                                    atomic.Uint64
	reconnects, reloads, heartbeats                                      atomic.Uint64
	drops                                                                [dropReasons]atomic.Uint64
}

func (c *counters) drop(r DropReason, events int) {
	if events > 0 {
		c.drops[r].Add(uint64(events))
	}
}

func (c *counters) stats() Stats {
	s := Stats{
		Published: c.published.Load(), Bundles: c.bundles.Load(), Bytes: c.bytes.Load(),
		Refused: c.refused.Load(), Unchanged: c.unchanged.Load(), Repeated: c.repeated.Load(), StoreFailed: c.storeFailed.Load(),
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

// Stats returns the counters as they are now. It is safe for concurrent use by multiple
// goroutines.
func (b *Bridge) Stats() Stats {
	s := b.count.stats()
	for _, shard := range *b.masters.shards.Load() {
		s.Peers = max(s.Peers, int(shard.peers.Load()))
		if form := int(shard.writes.Load()); form != 0 && (s.Form == 0 || form < s.Form) {
			s.Form = form
		}
	}
	return s
}
