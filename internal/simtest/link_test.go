package simtest

import (
	"errors"
	"time"

	"backbone/internal/hub"
)

// link imitates internal/bridge: a session that is subscribed before it is told of,
// takes one batch at a time, and is given up at the first doubt.
type link struct {
	in         *instance
	cut        bool // nothing passes between instance and store
	up         bool // as the instance sees it
	subscribed bool // as the store sees it
	retry      time.Time
	lastEcho   time.Time
	inflight   []hub.BroadcastEvent
	reading    []string
	wire       []delivery // published to this instance and not yet arrived
	beats      []uint64
}

// delivery is one bundle on its way.
type delivery struct {
	from   int
	events []hub.BroadcastEvent
	sent   int64 // by the publisher's clock, Unix nanoseconds
}

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
		if w.store.up && w.rng.IntN(2) == 0 {
			w.trace("", "i%d: the call in doubt is carried out", l.in.id)
			w.store.write(l.in, l.inflight)
		}
		l.inflight = nil
	}
	if len(l.wire) > 0 {
		l.wire = l.wire[:w.rng.IntN(len(l.wire)+1)]
	}
	l.up, l.subscribed, l.beats = false, false, nil
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
	l.up, l.subscribed, l.lastEcho = true, true, w.now
	w.trace("", "i%d is linked", l.in.id)
	l.in.ingest.Generation(^uint64(0), l.in.time())
}

// echo ends a session whose heartbeats do not come back.
func (l *link) echo() {
	w := l.in.w
	switch {
	case !l.up:
	case l.reachable() && l.subscribed:
		l.lastEcho = w.now
	case w.now.Sub(l.lastEcho) > echoTimeout:
		l.fail("no own heartbeat")
	}
}

// send takes a batch, or completes the call under way.
func (l *link) send() {
	switch {
	case !l.up:
	case l.inflight == nil:
		if len(l.in.ingest.Outbox()) > 0 {
			l.inflight = l.in.ingest.TakeOutbox()
		}
	case l.reachable():
		refused := l.in.w.store.write(l.in, l.inflight)
		l.inflight = nil
		if refused > 0 {
			l.in.ingest.ForeignClock(refused, l.in.time())
		}
	}
}

// receive has one of the bundles arrive. Those of one publisher keep their order; those
// of several may overtake one another. again has it arrive twice.
func (l *link) receive(again bool) {
	w := l.in.w
	if len(l.wire) == 0 {
		return
	}
	from := l.wire[w.rng.IntN(len(l.wire))].from
	for i, d := range l.wire {
		if d.from != from {
			continue
		}
		l.wire = append(l.wire[:i:i], l.wire[i+1:]...)
		l.arrive(d)
		if again {
			var values []hub.BroadcastEvent
			for _, e := range d.events {
				if e.Kind.Value() {
					values = append(values, e)
				}
			}
			l.arrive(delivery{d.from, values, d.sent})
		}
		return
	}
}

func (l *link) arrive(d delivery) {
	events := append([]hub.BroadcastEvent(nil), d.events...)
	now := l.in.time()
	for i := range events {
		e := &events[i]
		age := max(0, d.sent-e.Born)
		if e.Kind == hub.Message {
			e.Version = hub.Version{Origin: "x"}
		}
		e.Born = now.UnixNano() - age
		if e.Kind.Value() {
			l.in.learn(e.Room, e.Version, number(e.Payload))
		}
	}
	l.in.route(l.in.ingest.Remote(events, now))
}

// read takes the rooms that ingest wants to know, or answers for those taken before.
func (l *link) read() {
	if l.reading == nil {
		if l.reading = l.in.ingest.TakeReads(); len(l.reading) > 0 && !l.up {
			l.answerReads(errDown)
		}
		return
	}
	if l.reachable() {
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
		e.Kind, e.Seq = hub.Recovered, 0
		e.Born = now.UnixNano() - int64(w.ttl-v.expires.Sub(w.now))
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
			to.link.beats = append(to.link.beats, l.in.ingest.Clock())
		}
	}
}

func (l *link) hear() {
	for _, clock := range l.beats {
		l.in.ingest.ForeignClock(clock, l.in.time())
	}
	l.beats = nil
}
