package simtest

import (
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/moment"
)

// Times of the links that the simulation imitates; see internal/bridge.
const (
	heartbeatEvery = time.Second
	echoTimeout    = 2500 * time.Millisecond
	readTimeout    = time.Second
	maxReconnect   = 1500 * time.Millisecond // longest back-off and the time to connect
	slowest        = 800 * time.Millisecond  // of a link that works, each way
	healing        = 5 * time.Second         // promise 4
	queueBytes     = 2000                    // small, so that consumers lag often
)

// price is one event that was published, by its number.
type price struct {
	room    string
	origin  string
	version hub.Version
	at      time.Time
	late    time.Duration // that its call was under way when it was stored, which no lifetime counts
	message bool
	refused bool // there was no place for it
	gone    bool // it says that there is no price any more
	order   int  // of its instance's events of the room, from 1
	stamp   stamp
}

// stamp is what names a price everywhere.
type stamp struct {
	epoch string
	seq   uint64
	at    int64
}

func stampOf(e *hub.BroadcastEvent) stamp {
	return stamp{fmt.Sprintf("%s.%d", e.Version.Instance, e.Life), e.Seq, e.At}
}

// sum is short for a frame, so that the frames of those that want stamps are little longer.
func (s stamp) sum() string {
	h := fnv.New32a()
	io.WriteString(h, fmt.Sprint(s)) //nolint:errcheck // a hash takes everything
	return fmt.Sprintf("#%08x", h.Sum32())
}

// frameStamped is frame with the stamp as a further word.
func frameStamped(dst []byte, e *hub.BroadcastEvent) []byte {
	return frame(dst, e.Payload+" "+stampOf(e).sum())
}

// world is one run.
type world struct {
	rng       *rand.Rand
	fate      *rand.Rand // of readers: apart, so that a seed goes on meaning the same
	clocks    *rand.Rand // of clocks that are set, apart as well; nil: none is
	ticking   bool       // all is over: what is published now is a price
	retires   *rand.Rand // of producers that retire what they publish, apart as well; nil: none does
	builds    *rand.Rand // of instances of a build that reads form 1 alone, apart as well; nil: there is none
	wishes    *rand.Rand // of consumers that want fewer values, or each, apart as well; nil: none does
	conflated int        // times that a reader was found to be slow
	refused   int        // consumers that were closed because they refuse conflation
	producers *rand.Rand // of who publishes where places are few, apart as well; nil: there are enough
	places    int        // for instruments, of each instance
	seed      uint64
	now       time.Time
	ttl       time.Duration
	outbox    int           // bound of what waits for a link, bytes; 0: the default
	storing   time.Duration // how often a link stores what it publishes; 0: with each call
	rooms     []string
	store     *store
	instances []*instance
	origins   map[string]bool // ids of instances, also of those that ended
	prices    []price         // by number, from 1
	held      map[string]int  // see remember
	lines     []string
	problems  []string
	nextBeat  time.Time
	quiet     *instance // nil: any fault may happen; else only that this one is cut off
}

type instance struct {
	w        *world
	id       int
	origin   string
	offset   time.Duration // of its wall clock
	start    time.Duration // of its steady clock
	alive    bool
	old      bool // reads form 1 alone, and writes it
	hub      hub.Steps
	ingest   ingest.Steps
	link     link
	clients  []*consumer
	local    map[string]int         // live prices published here, by room
	said     map[string]int         // messages
	known    map[string]hub.Version // newest that reached this instance, by room
	knownNum map[string]int
}

func newWorld(seed uint64) *world {
	w := &world{
		rng:    rand.New(rand.NewPCG(seed, 0x5eed)),
		fate:   rand.New(rand.NewPCG(seed, 0xfa7e)),
		seed:   seed,
		now:    time.Unix(1_700_000_000, 0),
		prices: make([]price, 1),
		places: enough,

		origins: map[string]bool{},
	}
	if seed%2 == 0 {
		w.clocks = rand.New(rand.NewPCG(seed, 0xc10c))
	}
	w.ttl = time.Duration(2+w.rng.IntN(8)) * time.Second
	if w.rng.IntN(3) == 0 {
		w.ttl = 20 * time.Second // longer than healing takes
	}
	if w.rng.IntN(3) == 0 {
		w.outbox = 4000 // some thirty events
	}
	if storing := rand.New(rand.NewPCG(seed, 0x5704)); storing.IntN(3) == 0 { // apart, as above
		w.storing = time.Duration(20+storing.IntN(1000)) * time.Millisecond
	}
	if retires := rand.New(rand.NewPCG(seed, 0x9014)); retires.IntN(3) == 0 {
		w.retires = retires
	}
	if builds := rand.New(rand.NewPCG(seed, 0xb01d)); builds.IntN(3) == 0 {
		w.builds = builds
	}
	if wishes := rand.New(rand.NewPCG(seed, 0x3a7e)); wishes.IntN(2) == 0 {
		w.wishes = wishes
	}
	for i := range 2 + w.rng.IntN(4) {
		w.rooms = append(w.rooms, "R"+strconv.Itoa(i))
	}
	w.fewPlaces()
	w.store = newStore(w)
	for i := range 2 + w.rng.IntN(2) {
		w.instances = append(w.instances, w.newInstance(i))
	}
	if w.rng.IntN(4) == 0 {
		w.quiet = pick(w, w.instances)
	}
	return w
}

func (w *world) newInstance(id int) *instance {
	origin := fmt.Sprintf("i%d.%d", id, w.rng.IntN(1000))
	for w.origins[origin] {
		origin += "'" // ids are never given twice
	}
	w.origins[origin] = true
	in := &instance{w: w, id: id, origin: origin, alive: true, start: time.Duration(len(w.origins)) * time.Hour,
		local: map[string]int{}, said: map[string]int{}, known: map[string]hub.Version{}, knownNum: map[string]int{}}
	switch w.rng.IntN(4) {
	case 0:
		in.offset = time.Duration(w.rng.Int64N(int64(time.Hour)))
	case 1:
		in.offset = time.Duration(w.rng.Int64N(int64(4*time.Second))) - 2*time.Second
	}
	in.hub = hub.NewSteps(hub.Options{QueueBytes: queueBytes, Frame: frame, Stamped: frameStamped, Conflated: func(room string, n uint64) string { return fmt.Sprintf("conflated %s %d", room, n) },
		Lost: func(room string, n uint64) string { return fmt.Sprintf("lost %s %d", room, n) },
		Now:  func() time.Duration { return in.time().Steady }})
	in.ingest = ingest.NewSteps(ingest.Options{
		Instance: in.origin, Types: []string{""}, TTL: w.ttl, MaxInstruments: w.places, OutboxBytes: w.outbox, StoredLate: w.storing > 0,
		Snapshot:   func(p string) string { return p + " snapshot" },
		Ends:       func(p string) bool { return strings.Contains(p, " gone") },
		NoSnapshot: func(room string) string { return "empty " + room },
		FeedStatus: func(room string, silent bool, since int64) string {
			return fmt.Sprintf("feed %s %v %d", room, silent, since)
		},
		BridgeStatus: func(ok bool, _ int64) string { return fmt.Sprintf("link %v", ok) },
		Delay:        func(limit time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(limit))) },
		Outbox:       make(chan []hub.BroadcastEvent),
		Reads:        make(chan []string),
		Logger:       slog.New(slog.DiscardHandler),
	}, in.time())
	in.link = link{in: in}
	in.old = w.builds != nil && w.builds.IntN(2) == 0
	return in
}

// frame is a line; payloads hold none.
func frame(dst []byte, payload string) []byte { return append(append(dst, payload...), '\n') }

// time is what the instance's clocks show.
func (in *instance) time() moment.Time {
	return moment.Time{Steady: in.w.since() + in.start, UnixMS: in.w.now.Add(in.offset).UnixMilli()}
}

// since is the time by which windows count.
func (w *world) since() time.Duration { return w.now.Sub(time.Unix(1_700_000_000, 0)) }

// route hands on what ingest passes.
func (in *instance) route(events []hub.BroadcastEvent) {
	for i := range events {
		if e := &events[i]; e.Kind.Value() {
			in.learn(e.Room, e.Version, number(e.Payload))
		} else if (e.Kind == hub.Status || e.Kind == hub.StatusNow) && e.Room != "" {
			in.feed(e)
		}
	}
	if len(events) > 0 {
		in.hub.Route(events)
	}
}

// learn notes a version that reached the instance.
func (in *instance) learn(room string, v hub.Version, n int) {
	if v.Compare(in.known[room]) > 0 {
		in.known[room], in.knownNum[room] = v, n
	}
}

// publish reports whether all n events had a place.
func (w *world) publish(in *instance, room string, n int, kind hub.Kind) bool {
	var events []hub.BroadcastEvent
	for range n {
		num := len(w.prices)
		w.prices = append(w.prices, price{room: room, origin: in.origin, at: w.now, message: kind == hub.Message})
		verb := "price"
		if kind == hub.Message {
			verb = "message"
		}
		text := fmt.Sprintf("%s %s %d", verb, room, num)
		if kind == hub.State && w.retires != nil && !w.ticking && w.retires.IntN(8) == 0 {
			w.prices[num].gone = true
			text += " gone"
		}
		events = append(events, hub.BroadcastEvent{Room: room, Kind: kind, Payload: text})
	}
	first := len(w.prices) - n
	pass, rejected := in.ingest.Publish(w.producer(), events, in.time())
	in.refuses(room, first, rejected)
	for i := range pass {
		if e := &pass[i]; e.Kind == hub.State || e.Kind == hub.Message {
			p := &w.prices[number(e.Payload)]
			p.version, p.stamp = e.Version, stampOf(e)
			if e.Kind == hub.State {
				in.local[room]++
				p.order = in.local[room]
			} else {
				in.said[room]++
			}
		}
	}
	w.trace(room, "i%d publishes %d, the last is %d %v", in.id, n, len(w.prices)-1, w.prices[len(w.prices)-1].version)
	in.route(pass)
	return len(rejected) == 0
}

// number is that of a price or message, from its payload.
func number(payload string) int {
	fields := strings.Fields(payload)
	n, err := strconv.Atoi(fields[2])
	if err != nil {
		panic("simtest: no number in " + payload)
	}
	return n
}

// trace keeps a line for the report on a room; "" is for all rooms.
func (w *world) trace(room, format string, args ...any) {
	if room == "" {
		room = "*"
	}
	w.lines = append(w.lines, fmt.Sprintf("%8.3f %s ", w.now.Sub(time.Unix(1_700_000_000, 0)).Seconds(), room)+fmt.Sprintf(format, args...))
}

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf("%8.3f ", w.now.Sub(time.Unix(1_700_000_000, 0)).Seconds())+fmt.Sprintf(format, args...))
}

// digest is the same for two runs that did the same.
func (w *world) digest() uint64 {
	h := fnv.New64a()
	for _, l := range w.lines {
		io.WriteString(h, l) //nolint:errcheck // a hash takes everything
	}
	return h.Sum64()
}

// report is what a failing seed prints: its problems, and what happened in their rooms.
func (w *world) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, TTL %v; again: make sim FROM=%d SEEDS=1\n", w.seed, w.ttl, w.seed)
	for _, in := range w.instances {
		fmt.Fprintf(&b, "i%d: origin %s, clock off by %v, alive %v\n", in.id, in.origin, in.offset, in.alive)
	}
	shown := map[string]bool{"*": true}
	for _, p := range w.problems[:min(len(w.problems), 10)] {
		b.WriteString("PROBLEM " + p + "\n")
		for _, room := range w.rooms {
			if strings.Contains(p, room) {
				shown[room] = true
			}
		}
	}
	var kept []string
	for _, l := range w.lines {
		if shown[strings.Fields(l)[1]] {
			kept = append(kept, l)
		}
	}
	for _, l := range kept[max(0, len(kept)-400):] {
		b.WriteString(l + "\n")
	}
	return b.String()
}
