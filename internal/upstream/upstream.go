package upstream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backbone/client"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/refusals"
)

// Upstream gets prices from another instance. Run is called once. Status and Stats are safe for
// concurrent use by multiple goroutines.
type Upstream struct {
	opts Options // immutable
	stats
	status atomic.Pointer[Status] // written by Run

	jobs    chan job    // Run -> work; never full, as Run sends one at a time
	results chan result // work -> Run; never full

	// What follows is owned by Run.
	conn   *client.Conn // nil: it is being dialled
	rooms  map[string]*room
	busy   bool // work has a job
	redial time.Time

	toJoin    []*room // that are not joined
	toLeave   []string
	leaveFrom time.Time // nothing is left before: a leave was refused
	reads     []read    // that may still have to be answered, by when

	quiet time.Time // that rooms were refused is not logged before

	away refusals.Away

	link

	// What waits for flush.
	events           []hub.BroadcastEvent
	answered, failed []string // rooms whose reads are answered

	scratch []byte
}

// New returns an Upstream that does nothing until Run. The error is one line about the URL.
func New(opts Options) (*Upstream, error) {
	if _, err := Shown(opts.URL); err != nil {
		return nil, err
	}
	u := &Upstream{opts: opts.withDefaults(), rooms: map[string]*room{}, jobs: make(chan job, 1), results: make(chan result, 1)}
	u.upSince = time.Now()
	u.setStatus()
	return u, nil
}

// maxTurn is how many events are handed to the Sink at a time.
const maxTurn = 1024

// Run connects, and passes prices on until ctx ends.
func (u *Upstream) Run(ctx context.Context) {
	var worker sync.WaitGroup
	worker.Go(func() { u.work(ctx) })
	defer func() {
		close(u.jobs)
		worker.Wait()
		select {
		case r := <-u.results:
			if r.conn != nil { // it has dialled
				u.conn = r.conn
			}
		default:
		}
		if u.conn != nil {
			u.conn.Close()
		}
	}()
	u.opts.Sink.State(ctx, false, u.upSince)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next, has := u.nextJob(time.Now()); has {
			u.busy = true
			u.jobs <- next
		}
		timer.Reset(time.Until(u.wakes()))
		var events <-chan client.Event
		if u.conn != nil {
			events = u.conn.Events()
		}
		select {
		case ev, ok := <-events:
			u.turn(ctx, ev, ok)
		case rooms := <-u.opts.Reads:
			u.read(rooms)
		case rooms := <-u.opts.Leaves:
			u.leave(rooms)
		case r := <-u.results:
			u.done(r)
		case <-timer.C:
			u.expire(time.Now())
		case <-ctx.Done():
			return
		}
		u.flush(ctx)
	}
}

// wakes is when there is something to do that no channel tells of.
func (u *Upstream) wakes() time.Time {
	next := time.Now().Add(time.Hour)
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if len(u.reads) > 0 {
		earlier(u.reads[0].due)
	}
	if !u.busy && u.conn == nil {
		earlier(u.redial)
	}
	if !u.busy && len(u.toLeave) > 0 {
		earlier(u.leaveFrom)
	}
	return next
}

// turn takes an event and what waits behind it.
func (u *Upstream) turn(ctx context.Context, ev client.Event, ok bool) {
	for range maxTurn {
		if !ok {
			u.ended(ctx)
			return
		}
		u.take(ctx, ev)
		select {
		case ev, ok = <-u.conn.Events():
		default:
			return
		}
	}
	if ok {
		u.take(ctx, ev)
	}
}

// take takes one event of the SDK.
func (u *Upstream) take(ctx context.Context, ev client.Event) {
	switch e := ev.(type) {
	case client.PriceUpdate:
		u.price(&e)
	case client.Retired: // it is like a price in all but its text
		u.price(&client.PriceUpdate{Instrument: e.Instrument, Snapshot: e.Snapshot, Stamp: e.Stamp})
	case client.Conflated:
		if r := u.rooms[e.Room]; r != nil {
			r.tell(e.Skipped)
		}
	case client.Missed:
		if r := u.rooms[e.Room]; r != nil {
			r.tell(e.Events)
		}
	case client.NoSnapshot:
		if r := u.rooms[e.Room]; r != nil {
			u.hear(r)
		}
	case client.ChatMessage:
		u.message(&e)
	case client.Lost:
		u.lost(&e)
	case client.BridgeStatus:
		u.bridge, u.bridgeSince = e.OK, e.Since
		u.tellState(ctx)
	case client.Connected:
		u.connected(ctx)
	case client.Disconnected:
		u.disconnected(ctx, &e)
	case client.Rejoined:
		u.refuseAll(e.Rejected)
	case client.Moved:
		u.opts.Logger.Info("upstream: moved on, because it drains", "rooms", len(u.rooms))
		u.refuseAll(e.Rejected)
	case client.FeedStatus, client.Heartbeat: // ingest finds out about feeds by itself
	default:
		u.garbage.Add(1)
	}
}

// refuseAll takes rooms that a new connection was refused.
func (u *Upstream) refuseAll(rejected []client.Rejected) {
	for _, r := range rejected {
		if known := u.rooms[r.Room]; known != nil {
			u.refuse(known, string(r.Code)+": "+r.Message)
		}
	}
}

// flush hands what was taken to the Sink: events first, as they are what the answers are about.
func (u *Upstream) flush(ctx context.Context) {
	if len(u.events) > 0 {
		u.received.Add(uint64(len(u.events)))
		u.opts.Sink.Remote(ctx, u.events)
		u.events = nil
	}
	u.answer(ctx, u.answered, nil)
	u.answer(ctx, u.failed, errUnanswered)
	u.answered, u.failed = nil, nil
	u.joined.Store(int64(len(u.rooms)))
}

// connected begins a generation: what is known of all rooms is to be compared with what comes.
func (u *Upstream) connected(ctx context.Context) {
	u.flush(ctx)
	for _, r := range u.rooms {
		r.heard = false
		r.lost()
	}
	u.link = link{up: true, upSince: time.Now(), bridge: true, worked: true, told: u.told}
	u.connects.Add(1)
	u.opts.Logger.Info("upstream: connected", "rooms", len(u.rooms))
	u.opts.Sink.Generation(ctx, partition.All)
	u.tellState(ctx)
}

// disconnected notes that the connection was lost, or that an attempt to make one failed.
func (u *Upstream) disconnected(ctx context.Context, e *client.Disconnected) {
	switch why := e.Err.Error(); {
	case u.up || !u.away.Told():
		u.away.Begin(why)
		u.opts.Logger.Warn("upstream: no connection; prices are as old as that", "error", e.Err)
	case u.away.Other(why):
		u.opts.Logger.Warn("upstream: stays away, for another reason now", "error", e.Err)
	default:
		u.opts.Logger.Debug("upstream: still no connection", "error", e.Err, "attempt", e.Attempt, "wait", e.Wait)
	}
	u.down(ctx)
}

func (u *Upstream) down(ctx context.Context) {
	if u.up {
		u.up, u.upSince = false, time.Now()
		u.tellState(ctx)
	}
	u.expire(time.Now().Add(u.opts.ReadTimeout)) // all of them
}

// ended gives up a client that upstream has refused, and has another one made later.
func (u *Upstream) ended(ctx context.Context) {
	u.opts.Logger.Error("upstream: refused", "error", u.conn.Err(), "again_in", u.opts.Redial)
	u.down(ctx)
	u.conn.Close()
	u.conn, u.redial = nil, time.Now().Add(u.opts.Redial)
	for _, r := range u.rooms {
		r.joined = false // ingest reads it again in the next generation
	}
	u.toLeave = nil
}

// maxAnswers is how many rooms the Sink gets at a time.
const maxAnswers = 1000

func (u *Upstream) answer(ctx context.Context, rooms []string, err error) {
	for some := range slices.Chunk(rooms, maxAnswers) {
		u.opts.Sink.LastPrices(ctx, some, nil, err)
	}
}
