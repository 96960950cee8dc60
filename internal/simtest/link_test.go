package simtest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// link imitates internal/bridge: a session that is subscribed before it is told of,
// takes one batch at a time, and is given up at the first doubt.
type link struct {
	in         *instance
	cut        bool          // nothing passes between instance and store
	slow       time.Duration // what everything takes at least, each way
	up         bool          // as the instance sees it
	subscribed bool          // as the store sees it
	retry      time.Time
	lastEcho   time.Time
	inflight   *call
	unstored   map[string]hub.BroadcastEvent // the newest value of each room that was published and not stored
	stores     time.Time                     // when those are stored
	reading    []string
	read       time.Time  // when the store's answer can be there
	wire       []delivery // published to this instance and not yet arrived
	beats      []beat

	heardOld time.Time // an instance that reads form 1 alone was heard, or may have been there
	form2    bool      // is written
	behind   bool      // an old instance was heard since form 2 was written last, or since the session began
}

// oldPatience is without an old instance until form 2 is written.
const oldPatience = 3 * heartbeatEvery

// What a call does.
const (
	all         = iota // it compares, stores and publishes
	publishOnly        // what is stored later
	storeOnly          // what was published before
)

// call is one call of an instance: what it says was true when it was made.
type call struct {
	does   int
	from   *instance
	origin string
	events []hub.BroadcastEvent
	made   time.Time
	at     time.Duration // the same by the caller's steady clock
	due    time.Time     // when it can be at the store
	form2  bool          // it publishes form 2
	anew   bool          // it publishes once more what is offered, whatever the store holds
}

// delivery is one bundle on its way.
type delivery struct {
	origin string
	events []hub.BroadcastEvent
	sent   time.Duration // by the publisher's steady clock
	due    time.Time     // when it can be there
}

// beat is a heartbeat of another instance on its way.
type beat struct {
	clock uint64
	old   bool // of an instance that reads form 1 alone
	due   time.Time
}

// wireEvents is how many events may lie before an instance until they are conflated.
const wireEvents = 100

var errDown = errors.New("down")

// reachable reports whether the store answers this instance.
func (l *link) reachable() bool {
	return l.in.alive && !l.cut && l.in.w.store.up && !l.in.w.store.frozen
}

// fail gives the session up. What was under way is of unknown fate: the store may have
// carried it out, and what it had published may have arrived.
func (l *link) fail(why string) {
	if !l.up && !l.subscribed {
		return
	}
	w := l.in.w
	w.trace("", "i%d loses its link: %s", l.in.id, why)
	if l.inflight != nil {
		w.store.doubtful(*l.inflight)
		l.inflight = nil
	}
	// What is still on its way is lost, and maybe some of what waits here already.
	l.wire = slices.DeleteFunc(l.wire, func(d delivery) bool { return d.due.After(w.now) })
	if len(l.wire) > 0 {
		l.wire = l.wire[:w.rng.IntN(len(l.wire)+1)]
	}
	l.up, l.subscribed, l.beats, l.unstored = false, false, nil, nil
	l.answerReads(errDown)
	l.retry = w.now.Add(time.Duration(w.rng.Int64N(int64(maxReconnect))))
	l.in.route(nil)
}

// connect subscribes, and tells ingest of the new generation.
func (l *link) connect() {
	w := l.in.w
	if l.up || w.now.Before(l.retry) {
		return
	}
	if !l.reachable() {
		l.retry = w.now.Add(time.Duration(w.rng.Int64N(int64(maxReconnect))))
		return
	}
	l.up, l.subscribed, l.lastEcho = true, true, w.now.Add(2*l.slow)
	l.heardOld, l.form2, l.behind = w.now, false, false
	w.trace("", "i%d is linked", l.in.id)
	l.begin(partition.All)
}

// begin is a new generation of some partitions, behind what came before.
func (l *link) begin(partitions partition.Set) {
	for len(l.wire) > 0 && !l.wire[0].due.After(l.in.w.now) {
		d := l.wire[0]
		l.wire = l.wire[1:]
		l.arrive(d)
	}
	l.in.ingest.Generation(partitions)
}

// echo ends a session whose heartbeats do not come back.
func (l *link) echo() {
	w := l.in.w
	switch {
	case !l.up:
	case l.reachable() && l.subscribed:
		l.lastEcho = w.now.Add(-2 * l.slow)
	case w.now.Sub(l.lastEcho) > echoTimeout:
		l.fail("no own heartbeat")
	}
}

// send takes a batch, or completes the call under way.
func (l *link) send() {
	switch {
	case !l.up:
	case l.inflight == nil:
		switch {
		case len(l.unstored) > 0 && !l.in.w.now.Before(l.stores):
			var values []hub.BroadcastEvent
			for _, room := range slices.Sorted(maps.Keys(l.unstored)) {
				values = append(values, l.unstored[room])
			}
			l.unstored = nil
			l.call(storeOnly, values)
		case len(l.in.ingest.Outbox()) > 0 && l.in.w.storing > 0:
			l.call(publishOnly, l.in.ingest.TakeOutbox())
		case len(l.in.ingest.Outbox()) > 0:
			l.call(all, l.in.ingest.TakeOutbox())
		}
	case l.reachable() && !l.in.w.now.Before(l.inflight.due):
		refused := l.in.w.store.write(*l.inflight)
		l.storeLater(*l.inflight)
		l.inflight = nil
		if refused > 0 {
			l.in.ingest.ForeignClock(refused, l.in.time())
		}
	}
}

func (l *link) call(does int, events []hub.BroadcastEvent) {
	if !l.in.old && !l.form2 && l.in.w.now.Sub(l.heardOld) > oldPatience {
		l.form2, l.behind = true, false
	}
	l.inflight = &call{
		does: does, from: l.in, origin: l.in.origin, events: events,
		made: l.in.w.now, at: l.in.time().Steady, due: l.in.w.now.Add(2 * l.slow),
		form2: l.form2, anew: l.behind,
	}
}

// storeLater notes what a call has published and not stored.
func (l *link) storeLater(c call) {
	if c.does != publishOnly {
		return
	}
	for _, e := range c.events {
		if !e.Kind.Value() {
			continue
		}
		if len(l.unstored) == 0 {
			l.unstored, l.stores = map[string]hub.BroadcastEvent{}, l.in.w.now.Add(l.in.w.storing)
		}
		if e.Version.Compare(l.unstored[e.Room].Version) > 0 {
			l.unstored[e.Room] = e
		}
	}
}

// receive has one of the bundles arrive. Those of one publisher keep their order; those
// of several may overtake one another. again has it arrive twice.
func (l *link) receive(again bool) {
	w := l.in.w
	l.conflate()
	if len(l.wire) == 0 {
		return
	}
	origin := pick(w, l.wire).origin
	i := slices.IndexFunc(l.wire, func(d delivery) bool { return d.origin == origin })
	d := l.wire[i]
	if d.due.After(w.now) {
		return
	}
	l.wire = slices.Delete(l.wire, i, i+1)
	l.arrive(d)
	if again {
		d.events = slices.DeleteFunc(d.events, func(e hub.BroadcastEvent) bool { return !e.Kind.Value() })
		l.arrive(d)
	}
}

// conflate leaves the newest value of each room where too much waits, and questions, as
// the inbox does.
func (l *link) conflate() {
	n := 0
	newest := map[string]hub.Version{}
	for _, d := range l.wire {
		n += len(d.events)
		for _, e := range d.events {
			if e.Kind.Value() && e.Version.Compare(newest[e.Room]) > 0 {
				newest[e.Room] = e.Version
			}
		}
	}
	if n <= wireEvents {
		return
	}
	l.in.w.trace("", "what waits for i%d is conflated: %d events", l.in.id, n)
	for i := range l.wire {
		l.wire[i].events = slices.DeleteFunc(l.wire[i].events, func(e hub.BroadcastEvent) bool {
			return e.Kind == hub.Message || e.Kind.Value() && e.Version != newest[e.Room]
		})
	}
	l.wire = slices.DeleteFunc(l.wire, func(d delivery) bool { return len(d.events) == 0 })
}

func (l *link) arrive(d delivery) {
	events := slices.Clone(d.events)
	now := l.in.time()
	for i := range events {
		e := &events[i]
		age := max(0, d.sent-e.Born)
		if e.Kind == hub.Message {
			e.Version = hub.Version{Instance: "x"}
		}
		e.Born = now.Steady - age
		if e.Kind.Value() {
			l.in.learn(e.Room, e.Version, number(e.Payload))
		}
	}
	l.in.route(l.in.ingest.Remote(events, now))
}

// reads takes the rooms that ingest wants to know, or answers for those taken before.
func (l *link) reads() {
	w := l.in.w
	if l.reading == nil {
		l.reading, l.read = l.in.ingest.TakeReads(), w.now.Add(2*l.slow)
		if len(l.reading) > 0 && !l.up {
			l.answerReads(errDown)
		}
		return
	}
	switch {
	case w.now.Sub(l.read) > readTimeout:
		l.answerReads(errDown)
	case l.reachable() && !w.now.Before(l.read):
		l.answerReads(nil)
	}
}

func (l *link) answerReads(err error) {
	if len(l.reading) == 0 {
		l.reading = nil
		return
	}
	w, now := l.in.w, l.in.time()
	var found []hub.BroadcastEvent
	for _, room := range l.reading {
		v, ok := w.store.find(room)
		if err != nil || !ok {
			continue
		}
		e := v.event
		e.Kind = hub.Recovered
		e.Born = now.Steady - (w.ttl - v.expires.Sub(w.now))
		l.in.learn(room, e.Version, number(e.Payload))
		found = append(found, e)
	}
	rooms := l.reading
	l.reading = nil
	l.in.route(l.in.ingest.LastPrices(rooms, found, err != nil, now))
}

// beat tells the others this instance's clock.
func (l *link) beat() {
	if !l.up || !l.reachable() {
		return
	}
	for _, to := range l.in.w.instances {
		if to != l.in && to.alive && to.link.subscribed && to.link.reachable() {
			to.link.beats = append(to.link.beats, beat{l.in.ingest.Clock(), l.in.old, l.in.w.now.Add(l.slow + to.link.slow)})
		}
	}
}

func (l *link) hear() {
	heardOld := false
	l.beats = slices.DeleteFunc(l.beats, func(b beat) bool {
		if b.due.After(l.in.w.now) {
			return false
		}
		l.in.ingest.ForeignClock(b.clock, l.in.time())
		heardOld = heardOld || b.old
		return true
	})
	if heardOld {
		l.heardOld = l.in.w.now
		if !l.in.old && !l.behind { // what the old instance could not read is offered to it
			l.form2, l.behind = false, true
			l.in.w.trace("", "i%d writes form 1 for an old instance", l.in.id)
			l.begin(partition.All)
		}
	}
}
