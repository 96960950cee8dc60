package bridge

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// Options are what a Bridge is built from.
type Options struct {
	URL      string        // of a server, of sentinels or of a cluster: see "Several instances" in docs/operations.md
	TLS      *tls.Config   // authorities and certificates, where the URL says TLS; nil: those of the system, and none
	Prefix   string        // of all keys and channels; "": DefaultPrefix
	Instance string        // this instance's id, new at each start: 1 to 64 of A-Z a-z 0-9 _ . -
	Types    []string      // State types, of which reads look for values: each 1 to 64 of A-Z a-z 0-9 _ . -
	TTL      time.Duration // lifetime of a last price from ingestion; 0: nothing is stored, nothing is read

	// StoreInterval is how often a value is stored at most. 0: each is compared with the one in
	// Redis, stored and published in one step. Otherwise values are published at once, and the
	// newest of each room and type is stored within this time.
	StoreInterval time.Duration

	// Outbox delivers events for other instances. The bridge receives from it only when it
	// can send immediately, and then owns the slice. Payloads must be JSON objects. State and
	// Recovered events need Version and Born.
	Outbox <-chan []hub.BroadcastEvent
	// Reads delivers rooms whose last price is wanted. The bridge receives promptly. It
	// answers each room exactly once through Sink.LastPrices within ReadTimeout, unless Run
	// ends first.
	Reads <-chan []string

	Format Format // which form of envelopes is written; "": FormatAuto

	Clock  func() uint64 // the clock that heartbeats carry; safe for concurrent use by multiple goroutines
	Sink   Sink          // gets what the bridge hears
	Logger *slog.Logger  // nil: slog.Default

	// Valid reports whether an instance can have published the event: anyone who reaches Redis
	// can write there. What does not pass it goes to nobody. It is safe for concurrent use by
	// multiple goroutines. nil: only the form is checked.
	Valid func(*hub.BroadcastEvent) bool

	Heartbeat   time.Duration // between two heartbeats; 0: 1 s
	EchoTimeout time.Duration // without an own heartbeat, until the session counts as lost; 0: 2.5 s
	DialTimeout time.Duration // of a connection and its first commands; 0: 2 s
	CallTimeout time.Duration // of one round trip of the outbox; 0: 2 s
	ReadTimeout time.Duration // until a read is answered with an error; 0: 1 s
	BackoffMin  time.Duration // wait before the first attempt to connect again, with jitter; 0: 50 ms
	BackoffMax  time.Duration // the wait doubles up to this; 0: 1 s
	InboxBytes  int           // bound of what waits for the Sink, past which it is conflated; 0: 4 MiB
}

// DefaultPrefix begins all names in Redis unless Options say otherwise.
const DefaultPrefix = "backbone:"

// Sink gets what the bridge hears. Each method blocks until the Sink has taken the report or
// ctx is done. The methods must be safe for concurrent use by multiple goroutines.
type Sink interface {
	// Remote hands over events of other instances in the order of arrival. Kind is State
	// (live), Recovered (a value offered again), Message or Resync. Born is set, by this
	// instance's clock. Version.Instance names the instance that set the version, or that
	// sent a Message. The slice belongs to the Sink. Room and Payload may be parts of a Redis
	// message: who keeps one for long has to copy it.
	Remote(ctx context.Context, events []hub.BroadcastEvent)
	// LastPrices answers some or all rooms of one slice of Options.Reads. found is what Redis
	// has of them, of Kind Recovered. With an error, found is empty.
	LastPrices(ctx context.Context, rooms []string, found []hub.BroadcastEvent, err error)
	// Generation says that partitions were subscribed again, or that Redis may have forgotten
	// their values. The Sink should read the last prices that matter and offer the newest
	// values that it knows.
	Generation(ctx context.Context, partitions partition.Set)
	// Clock tells of a clock that is ahead of all clocks that were told before.
	Clock(ctx context.Context, clock uint64)
	// State tells whether the connections to all of Redis work: once at the start, and
	// whenever that changes.
	State(ctx context.Context, ok bool, since time.Time)
}

func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, DefaultPrefix)
	o.Format = cmp.Or(o.Format, FormatAuto)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Heartbeat = cmp.Or(o.Heartbeat, time.Second)
	o.EchoTimeout = cmp.Or(o.EchoTimeout, 2500*time.Millisecond)
	o.DialTimeout = cmp.Or(o.DialTimeout, 2*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, 2*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, time.Second)
	o.BackoffMin = cmp.Or(o.BackoffMin, 50*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, time.Second)
	o.InboxBytes = cmp.Or(o.InboxBytes, 4<<20)
	return o
}

// peersPatience is how long another instance may be silent until it counts as gone.
func (o *Options) peersPatience() time.Duration { return 3 * o.Heartbeat }

func (o Options) check() error {
	if err := redisurl.CheckPrefix(o.Prefix); err != nil {
		return fmt.Errorf("the prefix %w", err)
	}
	if err := o.Format.check(); err != nil {
		return err
	}
	switch {
	case !wire.ValidName(o.Instance):
		return fmt.Errorf("instance id: %q: expected 1 to 64 of A-Z a-z 0-9 _ . -", o.Instance)
	case o.TTL > 0 && len(o.Types) == 0, slices.ContainsFunc(o.Types, func(t string) bool { return !wire.ValidName(t) }):
		return fmt.Errorf("types: %q: expected one or more, each 1 to 64 of A-Z a-z 0-9 _ . -", o.Types)
	case o.TTL < 0, o.StoreInterval < 0:
		return fmt.Errorf("TTL %v, store interval %v: expected 0 or more", o.TTL, o.StoreInterval)
	case o.Clock == nil || o.Sink == nil:
		return errors.New("clock and sink: expected both")
	}
	return nil
}
