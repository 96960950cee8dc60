package hub

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The model is the naive hub: it gives every client everything, immediately and for ever,
// and writes it down. What a client of the real one receives is held against that.

// item is one thing that a client has to hear in a room.
type item struct {
	payload string
	live    uint64
	missed  uint64
	stint   int // the client's how many-th membership of the room
	begins  bool
	ends    bool
	whole   bool // it must not be left out
	notice  int  // bytes of the notice of lost messages before it
}

// heard is what a client has to hear in one room, and how far it is.
type heard struct {
	values          map[string]*valuesHeard // by type
	fixed, status   []item                  // given
	messages        []item                  // given; one without a payload is a loss of missed
	gotFixed, gotSt int                     // received, or left out for good
	gotMessages     int                     // received, or told to be lost
	skipped         uint64                  // told since the last value received
	stint           int                     // that the receiver is in, by its joined frames
	in              bool
	stints          int

	// Of the membership under way, on the hub's side.
	wantAbsent, wantStatus, wantStamp, statusDue bool
	every, whole                                 bool
	group                                        uint32
}

// valuesHeard is what a client has to hear of one type in one room.
type valuesHeard struct {
	given []item
	got   int     // received, or left out for good
	seen  Version // newest given in the membership under way
}

func (r *heard) of(typ string) *valuesHeard {
	if r.values[typ] == nil {
		r.values[typ] = &valuesHeard{}
	}
	return r.values[typ]
}

// consumer is a client with a WritePump that does one thing at a time.
type consumer struct {
	*Client
	name    string
	rooms   map[string]*heard // ever joined; "" is the bridge
	member  map[string]bool
	watches bool
	behind  bool // the WritePump's state, as the transport's
	pulled  bool
	folding bool // the hub was asked to conflate the queue
	dry     bool
	drain   bool
	ended   bool // the WritePump has ended
	gone    bool // unregistered
	slow    bool // closed by the hub
	sent    bool // away, alone
	joining *joining
	given   int // bytes, and not yet taken, if nothing were left out
	fixed   int // of them, of frames that can not be left out
	lagged  bool
	rated   bool   // has asked for no more than so many values
	got     uint64 // live events received
}

// joining is a join of which the hub has not seen all rooms.
type joining struct {
	rest  []string
	wants Wants
	text  string
}

// asked is a pull, or that the queue be conflated.
type asked struct {
	c        *consumer
	want     Want
	conflate bool
}

type model struct {
	*rapid.T
	h         *Hub
	all       []*consumer
	asked     []asked            // pulls and conflations that the hub has not seen yet
	waiting   [][]BroadcastEvent // in the hub's channel
	n         int
	size      int    // of the largest payload
	bridge    string // its newest status
	now       time.Duration
	newest    map[string]Version // by room and type
	snapshots map[string]string  // by room, type and version
	draining  bool
	finishing bool // all readers recover
	want      Stats
}

func (m *model) frameBytes(p string) int { return len(p) + 1 }

func (m *model) room() string {
	return rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(m.T, "room")
}

// pick draws one of those that are fit, or nil.
func (m *model) pick(fit func(*consumer) bool) *consumer {
	var some []*consumer
	for _, c := range m.all {
		if fit(c) {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(m.T, "client")]
}

func (c *consumer) String() string { return c.name }

func (c *consumer) heard(room string) *heard {
	if c.rooms[room] == nil {
		c.rooms[room] = &heard{values: map[string]*valuesHeard{}}
	}
	return c.rooms[room]
}

func (m *model) ask(cmd command) []string {
	answer := make(chan []string, 1)
	cmd.result = answer
	m.h.handle(cmd)
	return <-answer
}

// pass lets time go by.
func (m *model) pass() {
	m.now += time.Duration(rapid.SampledFrom([]int{0, 1, 20, 600, 5000}).Draw(m.T, "ms")) * time.Millisecond
	m.h.takeDue()
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) { // a hub that waits for anything is a deadlock there
			limit := rapid.SampledFrom([]int{200, 600, 3000, 400_000}).Draw(rt, "QueueBytes")
			m := &model{T: rt, h: New(withQueue(limit)), size: rapid.SampledFrom([]int{5, limit / 20, limit / 5}).Draw(rt, "size"), newest: map[string]Version{}, snapshots: map[string]string{}}
			m.h.opts.Now = func() time.Duration { return m.now }
			m.h.step = rapid.IntRange(1, 3).Draw(rt, "step")
			m.register()
			actions := []func(){m.register, m.join, m.join, m.goOn, m.goOn, m.leave, m.unregister, m.publish, m.publish, m.publish,
				m.turn, m.turn, m.burst, m.burst, m.write, m.write, m.write, m.write, m.serve, m.serve, m.conflate, m.pass, m.pass, m.closeAll, m.sendAway}
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(actions)-1), 20, 150).Draw(rt, "actions") {
				actions[i]()
				m.check()
			}
			m.finish()
		})
	})
}
