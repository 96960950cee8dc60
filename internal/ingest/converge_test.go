package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// A world of a few cores and a store that can fail in any way. It is to the cores what
// bridges and Redis are: it publishes what is newer than what it holds, to those that
// are linked, in order; keeps values for their TTL; and answers reads.
type world struct {
	t     *rapid.T
	now   time.Duration // since the epoch
	nodes []*node
	store map[string]stored      // by room and type
	born  map[string]hub.Version // versions by payload, which are all different
	count int
}

// types are those of which a room may have a value.
var types = []string{"price", "book"}

func key(e *hub.BroadcastEvent) string { return e.Room + " " + e.Type }

type stored struct {
	event   hub.BroadcastEvent
	expires time.Duration
}

type node struct {
	*core
	name     string
	start    time.Duration // of its steady clock
	skew     time.Duration // of its wall clock
	linked   bool
	incoming []sent
	reading  [][]string
	members  map[string]int
	shown    map[string]hub.Version // newest value that the members were given, by room and type
}

// sent is an event on its way, with its age instead of its birth: clocks differ.
type sent struct {
	event hub.BroadcastEvent
	age   time.Duration
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, store: map[string]stored{}, born: map[string]hub.Version{}}
	for i := range rapid.IntRange(2, 3).Draw(t, "instances") {
		name := string(rune('a' + i))
		o := testOptions(name, true)
		o.Types = types
		n := &node{
			name: name, members: map[string]int{}, shown: map[string]hub.Version{}, start: time.Duration(i-1) * time.Hour,
			skew: time.Duration(rapid.IntRange(-2000, 2000).Draw(t, "skew")) * time.Millisecond,
		}
		n.core = newCore(o, w.clock(n))
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) clock(n *node) moment.Time {
	return moment.Time{Steady: n.start + w.now, UnixMS: epoch.UnixMS + (w.now + n.skew).Milliseconds()}
}

// show notes what a node's hub is given. It must never go back.
func (w *world) show(n *node, pass []hub.BroadcastEvent) {
	for _, e := range pass {
		var version hub.Version
		switch e.Kind {
		case hub.State, hub.Recovered, hub.Warm:
			version = w.born[strings.TrimSuffix(e.Payload, "!")]
		default:
			continue
		}
		if n.members[e.Room] == 0 {
			continue
		}
		switch old := n.shown[key(&e)]; {
		case version.Compare(old) < 0:
			w.t.Fatalf("%s: the members of %s are given %v after %v", n.name, e.Room, version, old)
		case e.Kind != hub.Warm && version == old:
			w.t.Fatalf("%s: the members of %s are given %v twice", n.name, e.Room, version)
		}
		n.shown[key(&e)] = version
	}
}

func (w *world) publish(n *node, room, typ string) {
	w.count++
	payload := fmt.Sprint(room, "#", w.count)
	pass, _ := n.core.publish(&producer{name: "p"}, []hub.BroadcastEvent{{Room: room, Type: typ, Payload: payload}}, w.clock(n))
	w.born[payload] = pass[0].Version
	w.show(n, pass)
}

func (w *world) join(n *node, room string) {
	n.members[room]++
	w.show(n, n.watch([]string{room}, hub.Wants{}, w.clock(n)))
}

func (w *world) leave(n *node, room string) {
	if n.members[room]--; n.members[room] == 0 {
		for _, typ := range types {
			delete(n.shown, room+" "+typ)
		}
	}
	n.unwatch([]string{room}, nil)
}

// send is the bridge of n taking the batch: to be published, or lost with the link.
func (w *world) send(n *node, lost bool) {
	batch := n.out.Events()
	n.out.Taken()
	if lost {
		return
	}
	for _, e := range batch {
		age := w.clock(n).Since(e.Born)
		if e.Kind != hub.Resync {
			held, ok := w.store[key(&e)]
			if ok && held.expires > w.now && e.Version.Compare(held.event.Version) <= 0 {
				n.observe(held.event.Version.Clock, w.clock(n))
				continue
			}
			if age < testTTL {
				w.store[key(&e)] = stored{e, w.now + testTTL - age}
			}
		}
		for _, other := range w.nodes {
			if other != n && other.linked {
				other.incoming = append(other.incoming, sent{e, age})
			}
		}
	}
}

// receive hands n the first of what is on its way.
func (w *world) receive(n *node, events int) {
	events = min(events, len(n.incoming))
	var batch []hub.BroadcastEvent
	for _, s := range n.incoming[:events] {
		e := s.event
		e.Born = w.clock(n).Steady - s.age
		batch = append(batch, e)
	}
	n.incoming = n.incoming[events:]
	w.show(n, n.remote(batch, w.clock(n)))
}

// ask is the bridge taking the rooms to be read; answer answers the first of them.
func (w *world) ask(n *node) {
	if rooms := n.nextReads(); len(rooms) > 0 {
		n.readsSent()
		n.reading = append(n.reading, rooms)
	}
}

func (w *world) answer(n *node, failed bool) {
	if len(n.reading) == 0 {
		return
	}
	rooms := n.reading[0]
	n.reading = n.reading[1:]
	var found []hub.BroadcastEvent
	for _, room := range rooms {
		for _, typ := range types {
			if s, ok := w.store[room+" "+typ]; ok && n.linked && !failed && s.expires > w.now {
				e := s.event
				e.Kind, e.Seq = hub.Recovered, 0
				e.Born = w.clock(n).Steady + s.expires - w.now - testTTL
				found = append(found, e)
			}
		}
	}
	w.show(n, n.lastPrices(rooms, found, failed || !n.linked, w.clock(n)))
}

func (w *world) link(n *node) {
	if !n.linked {
		n.linked = true
		n.beginGeneration(everyone)
	}
}

// work does what is due at n.
func (w *world) work(n *node) {
	now := w.clock(n)
	for next := n.next(); next <= now.Steady; next = n.next() {
		w.show(n, n.tasks(now))
		if n.full() {
			return
		}
	}
}

// heal ends all faults and lets five seconds pass, and no longer.
func (w *world) heal() {
	for _, n := range w.nodes {
		w.link(n)
	}
	for deadline := w.now + 5*time.Second; w.now < deadline; w.now += 50 * time.Millisecond {
		for range 3 * len(w.nodes) {
			for _, n := range w.nodes {
				w.work(n)
				w.send(n, false)
				w.receive(n, len(n.incoming))
				w.ask(n)
				w.answer(n, false)
			}
		}
	}
}

// converged checks that all members of a room were given the newest value of each type that
// anybody has. Where its time is over, those who joined late may have been given nothing.
func (w *world) converged() {
	newest := map[string]hub.Version{} // by room and type
	newer := func(key string, v hub.Version) {
		if v.Compare(newest[key]) > 0 {
			newest[key] = v
		}
	}
	for _, n := range w.nodes {
		for p := range partition.Count {
			for _, r := range n.table.sorted(p) {
				for v := range r.values {
					newer(r.name+" "+v.typ, v.version)
				}
			}
		}
	}
	for key, s := range w.store {
		if s.expires > w.now {
			newer(key, s.event.Version)
		}
	}
	for key, newest := range newest {
		room, typ, _ := strings.Cut(key, " ")
		for _, n := range w.nodes {
			if n.members[room] == 0 {
				continue
			}
			shown, v := n.shown[key], n.table.watched(room).of(typ)
			if v == nil || v.version != newest {
				w.t.Fatalf("%s holds %v of %s, want %v", n.name, v, key, newest)
			}
			if shown != newest && (shown != hub.Version{} || v.alive(w.clock(n), testTTL)) {
				w.t.Fatalf("%s: the members of %s were last given %v, want %v", n.name, room, shown, newest)
			}
		}
	}
}

func TestConvergence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		anyNode := rapid.SampledFrom(w.nodes)
		anyRoom := rapid.SampledFrom([]string{"X", "Y", "Z"})
		onNode := func(f func(*node)) func(*rapid.T) {
			return func(t *rapid.T) { f(anyNode.Draw(t, "instance")) }
		}
		publish := func(t *rapid.T) {
			w.publish(anyNode.Draw(t, "instance"), anyRoom.Draw(t, "room"), rapid.SampledFrom(types).Draw(t, "type"))
		}
		send := onNode(func(n *node) {
			if n.linked {
				w.send(n, false)
			}
		})
		for _, n := range w.nodes {
			w.link(n)
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish": publish, "publish2": publish, "send": send, "send2": send,
			"join": func(t *rapid.T) { w.join(anyNode.Draw(t, "instance"), anyRoom.Draw(t, "room")) },
			"leave": func(t *rapid.T) {
				n, room := anyNode.Draw(t, "instance"), anyRoom.Draw(t, "room")
				if n.members[room] > 0 {
					w.leave(n, room)
				}
			},
			"receive": onNode(func(n *node) { w.receive(n, rapid.IntRange(1, 5).Draw(t, "events")) }),
			"ask":     onNode(w.ask),
			"answer":  onNode(func(n *node) { w.answer(n, rapid.Bool().Draw(t, "failed")) }),
			"work":    onNode(w.work),
			"link":    onNode(w.link),
			"cut": onNode(func(n *node) {
				if n.linked && rapid.Bool().Draw(t, "batch in doubt") {
					w.send(n, rapid.Bool().Draw(t, "batch lost"))
				}
				n.linked = false
				if rapid.Bool().Draw(t, "incoming lost") {
					n.incoming = nil
				}
			}),
			"store restarts empty": func(*rapid.T) {
				clear(w.store)
				for _, n := range w.nodes {
					n.linked = false
				}
			},
			"time passes": func(t *rapid.T) {
				w.now += time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond
			},
			"a clock is set": func(t *rapid.T) {
				anyNode.Draw(t, "instance").skew += time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "s")) * time.Second
			},
			"forgets an acknowledged write": func(t *rapid.T) {
				delete(w.store, anyRoom.Draw(t, "room")+" "+rapid.SampledFrom(types).Draw(t, "type"))
				for _, n := range w.nodes { // as in a failover
					n.linked = false
				}
			},
		})
		w.heal()
		w.converged()
	})
}
