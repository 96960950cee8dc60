package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

func (m *model) register() {
	if len(m.all) > 12 && !m.draining {
		return
	}
	c := &consumer{Client: newClient(), name: fmt.Sprint("client ", len(m.all)), rooms: map[string]*heard{}, member: map[string]bool{}}
	m.all = append(m.all, c)
	m.h.handle(command{op: opRegister, client: c.Client})
}

// out reports whether the hub lets c take part in nothing any more.
func (m *model) out(c *consumer) bool { return m.draining || c.sent || c.slow || c.gone }

func (m *model) join() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil })
	if c == nil {
		return
	}
	asked := rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "C", "D"}), 1, 5).Draw(m.T, "rooms")
	rooms := slices.Compact(slices.Sorted(slices.Values(asked)))
	wants := Wants{Absent: rapid.Bool().Draw(m.T, "absent"), Status: rapid.Bool().Draw(m.T, "status"), Group: m.group(), Stamp: rapid.Bool().Draw(m.T, "stamp")}
	wants.NoStamp = !wants.Stamp && rapid.Bool().Draw(m.T, "no stamp")
	switch rapid.IntRange(0, 9).Draw(m.T, "how many") {
	case 0, 1, 2:
		wants.Every = time.Duration(rapid.SampledFrom([]int{1, 10, 500, 7000}).Draw(m.T, "every")) * time.Millisecond
	case 3:
		wants.NoEvery = true
	case 4:
		wants.Whole = true
	case 5:
		wants.NoWhole = true
	}
	m.n++
	text := fmt.Sprintf("joined %s %d", strings.Join(rooms, ","), m.n)
	if !m.out(c) {
		c.given += m.frameBytes(text)
		c.fixed += m.frameBytes(text)
		for _, room := range rooms {
			if c.member[room] {
				c.heard(room).fixed = append(c.heard(room).fixed, item{payload: text})
			}
		}
		if wants.Status && !c.watches {
			c.watches = true
			if m.bridge != "" {
				c.tell("", m.bridge, m.frameBytes(m.bridge))
			}
		}
	}
	c.joining = &joining{rest: asked, wants: wants, text: text}
	m.enter(c)
}

// enter has the hub see the next rooms of a join.
func (m *model) enter(c *consumer) {
	j := c.joining
	n := min(len(j.rest), m.h.step)
	some := slices.Clone(j.rest[:n])
	rooms := slices.Compact(slices.Sorted(slices.Values(some)))
	if j.rest = j.rest[n:]; len(j.rest) == 0 {
		c.joining = nil
	}
	wants, text, closed := j.wants, j.text, m.out(c) || c.closing
	fresh := m.ask(command{op: opJoin, client: c.Client, rooms: some, wants: wants, reply: line("%s", text), more: c.joining != nil})
	if closed || c.closing && len(fresh) == 0 {
		if len(fresh) > 0 {
			m.Fatalf("%v is closed and joined %v", c, fresh)
		}
		for _, room := range rooms { // it may have been closed when it had what it asked for
			if t := m.h.traffic[room]; t != nil {
				_, c.heard(room).wantStamp = t.wantStamp[c.Client]
			}
		}
		return
	}
	var want []string
	for _, room := range rooms {
		if c.member[room] {
			c.heard(room).wantStamp = wants.Stamp || c.heard(room).wantStamp && !wants.NoStamp
			c.wishes(c.heard(room), wants)
			continue
		}
		want = append(want, room)
		c.member[room] = true
		r := c.heard(room)
		r.stints++
		for _, v := range r.values {
			v.seen = Version{}
		}
		r.wantAbsent, r.wantStatus, r.wantStamp, r.statusDue, r.group = wants.Absent, wants.Status, wants.Stamp, wants.Status, wants.Group
		r.every, r.whole = false, false
		c.wishes(r, wants)
		r.fixed = append(r.fixed, item{payload: text, stint: r.stints, begins: true})
	}
	if !slices.Equal(slices.Sorted(slices.Values(fresh)), want) {
		m.Fatalf("%v joined %v: new are %v, not %v", c, rooms, want, fresh)
	}
}

// wishes notes what a join asks for of the values of a room.
func (c *consumer) wishes(r *heard, wants Wants) {
	switch {
	case wants.Every > 0:
		r.every, r.whole, c.rated = true, false, true
	case wants.Whole:
		r.every, r.whole = false, true
	case wants.NoEvery:
		r.every = false
	case wants.NoWhole:
		r.whole = false
	}
	if r.whole {
		return
	}
	for _, v := range r.values { // what waits may be left out after all
		for i := range v.given[v.got:] {
			v.given[v.got+i].whole = false
		}
	}
}

// pass lets time go by.
func (m *model) pass() {
	m.now += time.Duration(rapid.SampledFrom([]int{0, 1, 20, 600, 5000}).Draw(m.T, "ms")) * time.Millisecond
	m.h.takeDue()
}

// goOn has some join go on.
func (m *model) goOn() {
	if c := m.pick(func(c *consumer) bool { return c.joining != nil }); c != nil {
		m.enter(c)
	}
}

// group is that of a status, or of a member that wants it.
func (m *model) group() uint32 {
	return rapid.SampledFrom([]uint32{0, 0, 5000, 6000}).Draw(m.T, "group")
}

func (m *model) leave() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil })
	if c == nil {
		return
	}
	m.route(m.h.routeWaiting) // as the hub does
	room := m.room()
	m.n++
	text := fmt.Sprintf("left %s %d", room, m.n)
	silent := c.closing
	left := m.ask(command{op: opLeave, client: c.Client, rooms: []string{room}, reply: line("%s", text)})
	if (len(left) > 0) != c.member[room] {
		m.Fatalf("%v left %s: member is %t, answer %v", c, room, c.member[room], left)
	}
	if !c.member[room] {
		return
	}
	delete(c.member, room)
	if silent {
		return
	}
	r := c.heard(room)
	notice := 0
	if c.lag != nil {
		all := waiting(c.lag)
		notice = len(all[len(all)-1].segment.Data) - m.frameBytes(text)
	}
	r.fixed = append(r.fixed, item{payload: text, stint: r.stints, ends: true, notice: notice})
	c.given += m.frameBytes(text)
	c.fixed += m.frameBytes(text) + notice
}

func (m *model) unregister() {
	c := m.pick(func(c *consumer) bool { return !c.gone && c.joining == nil && (c.ended || !c.slow) })
	if c == nil {
		return
	}
	for slices.ContainsFunc(m.asked, func(a asked) bool { return a.c == c }) { // they were sent before
		m.serve()
	}
	c.ended, c.gone = true, true
	want := slices.Sorted(maps.Keys(c.member))
	rooms := m.h.unregisterIn(c.Client, func(cmd command) []string {
		some := m.ask(cmd)
		for _, room := range some {
			delete(c.member, room)
		}
		if len(c.member) > 0 { // other things happen in between
			m.publish()
			m.turn()
			m.check()
		}
		return some
	}, noPause)
	if !slices.Equal(slices.Sorted(slices.Values(rooms)), want) {
		m.Fatalf("%v unregistered: it was in %v, not %v", c, want, rooms)
	}
	if len(c.queue) > 0 || c.held.size > 0 || c.lag != nil {
		m.Fatalf("%v is gone and the hub still holds frames for it", c)
	}
}

// publish puts events of all kinds where the hub takes them from.
func (m *model) publish() {
	if len(m.waiting) == eventPlaces {
		return
	}
	kinds := rapid.SampledFrom([]Kind{State, State, State, State, State, Message, Message, Lost, Warm, Warm, Recovered, Absent, Absent, Status, StatusNow})
	events := make([]BroadcastEvent, rapid.SampledFrom([]int{1, 1, 2, 5, 20}).Draw(m.T, "events"))
	for i := range events {
		e := &events[i]
		e.Room, e.Kind = m.room(), kinds.Draw(m.T, "kind")
		if e.Kind == Status && rapid.IntRange(0, 3).Draw(m.T, "bridge") == 0 {
			e.Room = ""
		}
		if e.Kind.Value() && rapid.IntRange(0, 9).Draw(m.T, "lossy") == 0 {
			e.Missed = uint32(rapid.IntRange(1, 5).Draw(m.T, "missed"))
		}
		if e.Kind == Lost {
			e.Missed = uint32(rapid.IntRange(1, 5).Draw(m.T, "lost"))
		}
		if e.Kind == Status || e.Kind == StatusNow {
			e.Group = m.group()
		}
		m.n++
		e.Type = rapid.SampledFrom([]string{"price", "book"}).Draw(m.T, "type")
		e.Version = m.version(e)
		e.Payload = fmt.Sprintf("%d %s %s %d ", e.Kind, e.Room, e.Type, m.n) + strings.Repeat(".", rapid.IntRange(0, m.size).Draw(m.T, "size"))
		if e.Kind == Warm {
			e.Payload = m.snapshot(e)
		}
	}
	m.waiting = append(m.waiting, slices.Clone(events))
	m.h.events <- events
}

// snapshot is the payload of the snapshot of a version, which is always the same.
func (m *model) snapshot(e *BroadcastEvent) string {
	key := e.Room + " " + e.Type + " " + e.Version.String()
	if m.snapshots[key] == "" {
		m.snapshots[key] = e.Payload
	}
	return m.snapshots[key]
}

// version is the event's: a newer one than all of its room and type, except that a
// snapshot mostly is of the value that was passed on last.
func (m *model) version(e *BroadcastEvent) Version {
	key := e.Room + " " + e.Type
	switch {
	case e.Kind == Warm && m.newest[key] != Version{} && rapid.IntRange(0, 3).Draw(m.T, "unseen") > 0:
	case e.Kind == Warm, e.Kind.Value():
		m.newest[key] = Version{Clock: uint64(m.n), Instance: "me"}
	default:
		return Version{}
	}
	return m.newest[key]
}

// turn has the hub take events as Run does.
func (m *model) turn() {
	if len(m.waiting) == 0 {
		return
	}
	m.route(func() { m.h.turn(<-m.h.events) })
}

// burst publishes and routes without a break.
func (m *model) burst() {
	for range rapid.IntRange(2, 12).Draw(m.T, "bursts") {
		m.publish()
		m.turn()
		m.check()
	}
}

func (m *model) closeAll() {
	if m.draining || rapid.IntRange(0, 15).Draw(m.T, "close") > 0 {
		return
	}
	m.route(func() { m.h.handle(command{op: opCloseAll}) })
	m.draining = true
	for _, c := range m.all {
		m.joinsNoMore(c)
	}
	if len(m.waiting) > 0 {
		m.Fatalf("%d slices of events still wait after CloseAll", len(m.waiting))
	}
}

// joinsNoMore says that c is told that it joined, and joins no more, since it is closed.
func (m *model) joinsNoMore(c *consumer) {
	if c.joining == nil || c.gone || c.slow || c.sent {
		return
	}
	for _, room := range slices.Compact(slices.Sorted(slices.Values(c.joining.rest))) {
		if !c.member[room] {
			c.heard(room).fixed = append(c.heard(room).fixed, item{payload: c.joining.text})
		}
	}
}

// sendAway closes one client.
func (m *model) sendAway() {
	c := m.pick(func(c *consumer) bool { return !m.out(c) })
	if c == nil || rapid.IntRange(0, 3).Draw(m.T, "send away") > 0 {
		return
	}
	m.route(func() { m.h.handle(command{op: opClose, client: c.Client}) })
	m.joinsNoMore(c)
	c.sent = true
}

// route does what makes the hub take events, and gives the model those that it took.
func (m *model) route(do func()) {
	do()
	n := len(m.waiting) - len(m.h.events)
	for _, events := range m.waiting[:n] {
		for _, e := range events {
			m.fanOut(&e)
		}
	}
	m.waiting = m.waiting[n:]
}

func (m *model) fanOut(e *BroadcastEvent) {
	if e.Kind == Status && e.Room == "" {
		m.bridge = e.Payload
		for _, c := range m.all {
			if c.watches && !m.out(c) {
				c.tell("", e.Payload, m.frameBytes(e.Payload))
			}
		}
		return
	}
	members := uint64(0)
	for _, c := range m.all {
		if !c.member[e.Room] {
			continue
		}
		members++ // also one that is closed: what it does not get is dropped
		if m.out(c) {
			continue
		}
		r := c.heard(e.Room)
		it := item{payload: e.Payload, stint: r.stints, missed: uint64(e.Missed), whole: r.whole}
		if r.wantStamp && (e.Kind.Value() || e.Kind == Warm) {
			it.payload = stamped(e.Payload)
		}
		size := m.frameBytes(it.payload)
		if e.Kind.Live() {
			it.live = 1
		}
		switch e.Kind {
		case State, Recovered, Warm:
			r.wantAbsent = false
			v := r.of(e.Type)
			if v.seen == e.Version {
				continue
			}
			v.seen = e.Version
			v.given = append(v.given, it)
			if e.Missed > 0 {
				c.given += m.frameBytes(fmt.Sprintf("conflated %s %d", e.Room, e.Missed))
			}
		case Message:
			r.messages = append(r.messages, it)
		case Lost:
			it.payload = ""
			r.messages = append(r.messages, it)
			size = m.frameBytes(fmt.Sprintf("lost %s %d", e.Room, e.Missed))
		case Absent:
			if !r.wantAbsent {
				continue
			}
			r.wantAbsent = false
			r.fixed = append(r.fixed, it)
			c.fixed += size
		case Status, StatusNow:
			if !r.wantStatus || r.group != e.Group {
				continue
			}
			told := e.Kind == Status || r.statusDue
			r.statusDue = false
			if told {
				c.tell(e.Room, e.Payload, size)
			}
			continue
		}
		c.given += size
	}
	if e.Kind.Live() {
		m.want.Events++
		m.want.Deliveries += members
		if members == 0 {
			m.want.Unheard++
		}
	}
}

func (c *consumer) tell(room, payload string, size int) {
	r := c.heard(room)
	r.status = append(r.status, item{payload: payload, stint: r.stints})
	c.given += size
}

// pump is one turn of a WritePump. It reports false if there is nothing to do.
func (m *model) pump(c *consumer) bool {
	if c.ended || c.folding {
		return false
	}
	if len(c.queue) == 0 && !c.pulled {
		switch {
		case c.behind, c.drain && !c.dry:
			c.behind, c.pulled = false, true
			m.asked = append(m.asked, asked{c: c, want: Want{
				Limit: rapid.SampledFrom([]int{0, 1, 100, 1000}).Draw(m.T, "limit"),
				Slow:  !m.finishing && rapid.Bool().Draw(m.T, "slow"),

				Longest: rapid.SampledFrom([]int{0, 30, 100}).Draw(m.T, "longest"),
			}})
			return true
		case c.drain:
			c.ended = true
			m.settled(c)
			return true
		}
	}
	if len(c.queue) == 0 {
		return false
	}
	b := <-c.queue
	switch b.Signal {
	case NoSignal:
		c.behind, c.pulled, c.dry = c.behind || b.More, false, b.Len() == 0
		data := b.Append(nil)
		if one, single := b.Single(); b.Len() != len(data) || single && string(one) != string(data) {
			m.Fatalf("a batch says it has %d bytes and has %d", b.Len(), len(data))
		}
		if !c.lagged {
			c.given -= b.Len()
		}
		for _, p := range lines(data) {
			m.receive(c, p)
		}
	case Behind:
		c.behind, c.pulled = true, false
	case CloseDrain:
		if !m.draining && !c.sent {
			m.Fatalf("%v is told to drain, and nobody asked for that", c)
		}
		c.drain = true
	case CloseSlow, CloseWhole:
		c.ended = true
	}
	return true
}

func (m *model) write() {
	c := m.pick(func(c *consumer) bool { return !c.ended })
	if c == nil {
		return
	}
	for range rapid.IntRange(1, 12).Draw(m.T, "turns") {
		m.pump(c)
	}
}

// conflate has a consumer's WritePump find its reader slow.
func (m *model) conflate() {
	c := m.pick(func(c *consumer) bool { return !c.ended && !c.pulled && !c.folding })
	if c != nil {
		c.folding = true
		m.asked = append(m.asked, asked{c: c, conflate: true})
	}
}

// serve has the hub see the oldest pull or conflation.
func (m *model) serve() {
	if len(m.asked) == 0 {
		return
	}
	a := m.asked[0]
	c := a.c
	m.asked = m.asked[1:]
	if a.conflate {
		done := make(chan struct{})
		c.lagged, c.folding, c.behind, c.dry = true, false, false, false
		m.h.handle(command{op: opConflate, client: c.Client, done: done})
		<-done
		return
	}
	most := a.want.Limit
	if c.lag != nil && c.lag.count > 0 {
		most = max(most, len(waiting(c.lag)[0].segment.Data)+m.frameBytes("conflated A 1234567"))
	} else if c.lag != nil && c.lag.messages.waits() {
		most = max(most, m.size+m.frameBytes("5 A price 1234567 "))
		if a.want.Slow && a.want.Longest > 0 {
			most = max(a.want.Limit, min(most, max(a.want.Longest, m.frameBytes("lost A 1234567"))))
		}
	}
	lagged := c.lag != nil && len(c.queue) == 0
	m.h.handle(command{op: opPull, client: c.Client, want: a.want})
	if len(c.queue) == 0 {
		m.Fatalf("%v pulled and is neither given a batch nor called again", c)
	}
	for range len(c.queue) {
		b := <-c.queue
		c.queue <- b
		if lagged && a.want.Limit > 0 && b.Len() > most {
			m.Fatalf("%v pulled %d bytes and is given %d", c, a.want.Limit, b.Len())
		}
	}
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
