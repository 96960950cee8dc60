package ingest

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"backbone/internal/credit"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// ErrStopped is returned when ingest accepts no more events.
var ErrStopped = errors.New("the instance is stopping")

// Options are what ingest is built from.
type Options struct {
	Instance       string        // this instance's id, part of every version
	Types          []string      // State types that this instance knows; a room may have a value of each
	TTL            time.Duration // lifetime of a last value from ingestion; 0: no warm starts, no table
	MaxInstruments int           // known values at most, counted by room and type
	MaxOfProducer  int           // of them that one local producer may begin; 0: all
	OutboxBytes    int           // bound of the batch that waits for the bridge; 0: 16 MiB
	StoredLate     bool          // Redis may have an older value than others: who has read it asks them

	Snapshot     func(payload string) string                          // marks an event as the current value, not a tick
	Ends         func(payload string) bool                            // whether a value says that there is none any more; nil: none does
	NoSnapshot   func(room string) string                             // says that a room has no last value
	FeedStatus   func(room string, silent bool, sinceMS int64) string // tells of a room's feed, since a time in Unix milliseconds
	BridgeStatus func(ok bool, sinceMS int64) string                  // tells of the bridge, since a time in Unix milliseconds
	Delay        func(limit time.Duration) time.Duration              // a random time up to limit; nil: uniform

	Hub    chan<- []hub.BroadcastEvent // receives all events
	Outbox chan<- []hub.BroadcastEvent // is offered the events for other instances; nil: there are none
	Reads  chan<- []string             // is offered the rooms whose last values are to be read; nil: nowhere

	// Priced is offered the rooms that have got a price: a value where none was known, or the newest
	// had ended. nil in place of them says that some are left out. A nil channel: nobody wants to know.
	Priced chan<- []string

	// Leaves is offered rooms that have had no member for Linger. It makes the instance an edge:
	// one that hears a room only between a read of it and this. Remote events then say in Missed
	// what was left out before them. nil: all rooms are heard.
	Leaves chan<- []string
	Linger time.Duration

	Logger *slog.Logger
}

// Stats are counters since start, and gauges where marked.
type Stats struct {
	Instruments     int    // gauge: known values, by room and type
	OutboxEvents    int    // gauge: events that wait for the bridge
	OutboxBytes     int    // gauge: size of the events that wait for the bridge
	Published       uint64 // local events accepted
	TooMany         uint64 // local events rejected because of MaxInstruments
	Displaced       uint64 // rooms forgotten early, because a new value needed the place
	Remote          uint64 // events from other instances
	Stale           uint64 // remote events that were not newer than the known value
	Untracked       uint64 // remote events dropped because of MaxInstruments
	Lost            uint64 // live events of others that did not arrive, by their numbers, in rooms with members
	Reoffered       uint64 // values offered again in a new generation, or because another instance requested it
	OutboxConflated uint64 // live values left out of the outbox for newer ones
	OutboxDropped   uint64 // messages and values of too many rooms dropped from the outbox, and live events in it at the end
	ClockSkew       uint64 // versions more than 5 s ahead of local time
}

// Ingest is the goroutine between pumps, bridge and hub. Its methods are safe for
// concurrent use by multiple goroutines. Run is called once.
type Ingest struct {
	// Immutable after New.
	opts    Options
	inputs  chan input
	members chan input    // watch and unwatch, by turns with inputs: events do not wait behind many members
	done    chan struct{} // closed when Run has ended

	lag    credit.Ages   // of prices of other instances; written by Run alone
	latest atomic.Uint64 // the newest stamp given or seen; written by Run alone
	final  Stats         // written by Run before done is closed
}

type kind uint8

const (
	publish kind = iota
	watch
	unwatch
	remote
	lastPrices
	newGeneration
	foreignClock
	bridgeState
	flush
	stats
	look
)

// input is one thing that happened.
type input struct {
	kind   kind
	from   *producer // of publish
	events []hub.BroadcastEvent
	rooms  []string
	groups map[string]uint32 // of unwatch
	number uint64            // a partition.Set, a clock, or a time in Unix milliseconds
	failed bool
	wants  hub.Wants
	reply  chan []int
	stats  chan Stats
	flush  chan struct{}
	look   func(*core, moment.Time)
}

// inputPlaces is how many inputs wait in the channel before their senders have to.
const inputPlaces = 64

// New returns an ingest that does nothing until Run.
func New(opts Options) *Ingest {
	if opts.OutboxBytes == 0 {
		opts.OutboxBytes = 16 << 20
	}
	if opts.Delay == nil {
		opts.Delay = func(limit time.Duration) time.Duration { return rand.N(limit) }
	}
	if opts.Ends == nil {
		opts.Ends = func(string) bool { return false }
	}
	return &Ingest{opts: opts, inputs: make(chan input, inputPlaces), members: make(chan input, 1), done: make(chan struct{})}
}

// Run is ingest's one goroutine. It returns when ctx ends.
func (in *Ingest) Run(ctx context.Context) {
	c := newCore(in.opts, moment.Now())
	c.lag = &in.lag
	defer func() {
		c.abandon()
		in.final = c.count()
		close(in.done)
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := never // when the timer fires
	for {
		if next := c.next(); next != armed {
			armed = next
			if next == never {
				timer.Stop()
			} else {
				timer.Reset(next - moment.Now().Steady)
			}
		}
		var outbox chan<- []hub.BroadcastEvent
		if c.out.Len() > 0 || len(c.flushes) > 0 {
			outbox = in.opts.Outbox
		}
		var reads, leaves chan<- []string
		switch {
		case len(c.toLeave) > 0: // first, because a room may have been left before it is read again
			leaves = in.opts.Leaves
		case len(c.toRead) > 0:
			reads = in.opts.Reads
		}
		priced, rooms := c.nextPriced()
		select {
		case <-ctx.Done():
			return
		case priced <- rooms:
			c.table.priced.sent()
		case outbox <- c.out.Events():
			if c.out.Len() == 0 {
				c.flushed()
			}
			c.outboxSent()
		case reads <- c.nextReads():
			c.readsSent()
		case leaves <- c.nextLeaves():
			c.leavesSent()
		case <-timer.C:
			armed = never
			if !in.pass(ctx, c.tasks(moment.Now())) {
				return
			}
		case i := <-in.inputs:
			if !in.take(ctx, c, i) {
				return
			}
		case i := <-in.members:
			if !in.take(ctx, c, i) {
				return
			}
		}
	}
}

// take gives the core one input. It reports whether that was done before ctx ended.
func (in *Ingest) take(ctx context.Context, c *core, i input) bool {
	pass := step(c, i)
	in.latest.Store(c.clock.last)
	return in.pass(ctx, pass)
}

// pass hands events to the hub. It reports whether that was done before ctx ended.
func (in *Ingest) pass(ctx context.Context, events []hub.BroadcastEvent) bool {
	if len(events) == 0 {
		return true
	}
	select {
	case in.opts.Hub <- events:
		return true
	case <-ctx.Done():
		return false
	}
}

// step gives the core one input and replies to the goroutine that waits for it.
func step(c *core, i input) (pass []hub.BroadcastEvent) {
	now := moment.Now()
	switch i.kind {
	case publish:
		var rejected []int
		pass, rejected = c.publish(i.from, i.events, now)
		i.reply <- rejected
	case watch:
		pass = c.watch(i.rooms, i.wants, now)
	case unwatch:
		c.linger(i.rooms, now)
		c.unwatch(i.rooms, i.groups)
	case remote:
		c.measure(i.events, now)
		pass = c.remote(i.events, now)
	case lastPrices:
		pass = c.lastPrices(i.rooms, i.events, i.failed, now)
	case newGeneration:
		c.beginGeneration(partition.Set(i.number))
	case foreignClock:
		c.observe(i.number, now)
	case bridgeState:
		pass = []hub.BroadcastEvent{{Kind: hub.Status, Payload: c.opts.BridgeStatus(!i.failed, int64(i.number))}}
	case flush:
		c.flushes = append(c.flushes, i.flush)
	case stats:
		i.stats <- c.count()
	case look:
		i.look(c, now)
		close(i.flush)
	}
	return pass
}

// Clock is the newest stamp given or seen: a hybrid logical clock.
func (in *Ingest) Clock() uint64 { return in.latest.Load() }

// Stats returns the counters as they are now, or as they were at the end.
func (in *Ingest) Stats() Stats {
	answer := make(chan Stats, 1)
	if !in.send(input{kind: stats, stats: answer}) {
		return in.final
	}
	select {
	case s := <-answer:
		return s
	case <-in.done:
		return in.final
	}
}

// Settle returns when the hub has been given everything that was published before.
func (in *Ingest) Settle() { in.Stats() } // inputs are handled in order

// Flush returns when the bridge has sent the events for other instances, or ctx ends.
func (in *Ingest) Flush(ctx context.Context) error {
	if in.opts.Outbox == nil {
		return nil
	}
	sent := make(chan struct{})
	if !in.send(input{kind: flush, flush: sent}) {
		return ErrStopped
	}
	select {
	case <-sent:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-in.done:
		return ErrStopped
	}
}

func (in *Ingest) send(i input) bool {
	select {
	case in.inputs <- i:
		return true
	case <-in.done:
		return false
	}
}
