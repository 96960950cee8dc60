package transport

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/credit"
	"backbone/internal/hub"
	"backbone/protocol"
)

// alone is the write side of a consumer whose server and hub do not run. Its window is that of
// a new reader.
func alone() *writeSide {
	debug, _ := debugLines("none")
	s := New(Options{Hub: newHub(), Limits: Limits{MaxAge: maxAge, PongTimeout: 10 * time.Second, WriteTimeout: time.Second}, Logger: debug})
	c := &conn{server: s, place: &place{conn: peerAt{port: 1}}, socket: socket{Conn: peerAt{port: 1}}, replies: make(chan []byte, replyPlaces)}
	c.client.Init(nil, &c.write)
	c.read.conn, c.write.conn, c.write.fresh = c, c, newFreshness(maxAge, true)
	return &c.write
}

// fill leaves no room in the window.
func fill(w *writeSide) { w.fresh.window.Sent(w.fresh.window.Room()) }

// slow has its reader found to be slow, and one mark under way.
func slow(w *writeSide) {
	f := w.fresh
	f.window.Sent(100)
	f.window.Mark(10, w.conn.server.now())
	for !f.window.Slow() {
		elapse(tickEvery)
		f.window.Tick(w.conn.server.now())
	}
}

// each runs a test for each case, in a bubble.
func each[T any](t *testing.T, cases map[string]T, test func(*testing.T, *writeSide, T)) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, alone(), c) }) })
	}
}

type aloneCase struct {
	change func(*writeSide)
	want   bool
}

func TestWhenAWindowIsShut(t *testing.T) {
	each(t, map[string]aloneCase{
		"room":                    {func(*writeSide) {}, false},
		"no room":                 {fill, true},
		"no bound":                {func(w *writeSide) { fill(w); w.fresh = nil }, false},
		"draining":                {func(w *writeSide) { fill(w); w.draining = true }, false},
		"the hub conflates":       {func(w *writeSide) { w.fresh.folding = make(chan struct{}) }, true},
		"only newest values":      {func(w *writeSide) { fill(w); w.fresh.conflating = true }, false},
		"what was pulled":         {func(w *writeSide) { fill(w); w.phase = pulling }, false},
		"what was pulled earlier": {func(w *writeSide) { fill(w); w.phase = behind }, true},
	}, func(t *testing.T, w *writeSide, c aloneCase) {
		if c.change(w); w.shut() != c.want {
			t.Errorf("shut is %v", !c.want)
		}
	})
}

func TestWhenAHeartbeatMayBeSent(t *testing.T) {
	each(t, map[string]aloneCase{
		"nothing waits":              {func(*writeSide) {}, true},
		"no bound":                   {func(w *writeSide) { fill(w); w.fresh = nil }, true},
		"the hub holds more":         {func(w *writeSide) { w.phase = behind }, false},
		"the hub was asked for more": {func(w *writeSide) { w.phase = pulling }, false},
		"the hub conflates":          {func(w *writeSide) { w.fresh.folding = make(chan struct{}) }, false},
		"a byte of room":             {func(w *writeSide) { fill(w); w.fresh.window.Sent(-1) }, true},
		"no room":                    {fill, false},
		"no room, draining":          {func(w *writeSide) { fill(w); w.draining = true }, true},
	}, func(t *testing.T, w *writeSide, c aloneCase) {
		if c.change(w); w.mayBeat() != c.want {
			t.Errorf("it may: %v", !c.want)
		}
	})
}

func TestWhenThereMayBeAPull(t *testing.T) {
	second := func(w *writeSide) { // passes
		for range time.Second / tickEvery {
			elapse(tickEvery)
			w.fresh.window.Tick(w.conn.server.now())
		}
	}
	each(t, map[string]aloneCase{
		"room":                                 {func(*writeSide) {}, true},
		"no room":                              {fill, false},
		"no room for long":                     {func(w *writeSide) { fill(w); w.mayPull(); second(w) }, false},
		"no bound":                             {func(w *writeSide) { fill(w); w.fresh = nil }, true},
		"the hub conflates":                    {func(w *writeSide) { w.fresh.folding = make(chan struct{}) }, false},
		"draining":                             {func(w *writeSide) { fill(w); w.draining = true }, true},
		"no room, only newest values":          {func(w *writeSide) { fill(w); w.fresh.conflating = true }, false},
		"no room, only newest values for long": {func(w *writeSide) { fill(w); w.fresh.conflating = true; w.mayPull(); second(w) }, true},
	}, func(t *testing.T, w *writeSide, c aloneCase) {
		if c.change(w); w.mayPull() != c.want {
			t.Errorf("it may: %v", !c.want)
		}
	})
}

func TestWhatIsPulled(t *testing.T) {
	each(t, map[string]struct {
		change func(*writeSide)
		want   hub.Want
	}{
		"all there is room for":      {func(*writeSide) {}, hub.Want{Limit: credit.StartWindow, Longest: credit.StartWindow}},
		"the last byte":              {func(w *writeSide) { fill(w); w.fresh.window.Sent(-1) }, hub.Want{Limit: 1, Longest: credit.StartWindow}},
		"a trickle":                  {fill, hub.Want{Limit: trickleBytes, Longest: credit.StartWindow}},
		"all, draining":              {func(w *writeSide) { fill(w); w.draining = true }, hub.Want{}},
		"all, without a bound":       {func(w *writeSide) { w.fresh = nil }, hub.Want{}},
		"newest values":              {func(w *writeSide) { slow(w); w.fresh.conflating = true; w.draining = true }, hub.Want{Slow: true}},
		"all of one that is no more": {func(w *writeSide) { w.fresh.conflating = true; w.draining = true }, hub.Want{}},
		"all of one that turns slow": {func(w *writeSide) { slow(w); w.draining = true }, hub.Want{}},
	}, func(t *testing.T, w *writeSide, c struct {
		change func(*writeSide)
		want   hub.Want
	},
	) {
		if c.change(w); w.want() != c.want {
			t.Errorf("want %+v", c.want)
		}
	})
}

// Something eats the pings of a reader that is heard in the second half of the pong time-out, and
// answers none.
func TestWhenMarksAreGivenUp(t *testing.T) {
	const half = 5 * time.Second
	each(t, map[string]struct {
		change func(*writeSide)
		heard  time.Duration // when a frame comes
		off    bool
	}{
		"nothing comes":          {func(*writeSide) {}, time.Hour, false},
		"a frame comes too soon": {func(*writeSide) {}, half - tickEvery, false},
		"a frame comes":          {func(*writeSide) {}, half, true},
		"a frame comes last":     {func(*writeSide) {}, 2 * half, true},
		"marks are messages":     {func(w *writeSide) { w.fresh.messages.Store(true) }, half, false},
		"the hub conflates":      {func(w *writeSide) { w.fresh.folding = make(chan struct{}) }, half, false},
		"a mark was answered": {func(w *writeSide) {
			now := w.conn.server.now()
			w.fresh.window.Answer(1, now, now)
			w.fresh.window.Sent(100)
			w.fresh.window.Mark(10, now)
		}, half, false},
	}, func(t *testing.T, w *writeSide, c struct {
		change func(*writeSide)
		heard  time.Duration
		off    bool
	},
	) {
		w.fresh.window.Sent(100)
		w.fresh.window.Mark(10, w.conn.server.now())
		c.change(w)
		for d := tickEvery; d <= 2*half+tickEvery && !w.fresh.off; d += tickEvery {
			elapse(tickEvery)
			if d == c.heard {
				w.fresh.frames.Add(1)
			}
			if w.judge(); w.fresh.off != (c.off && d >= 2*half) {
				t.Fatalf("after %v given up: %v", d, w.fresh.off)
			}
		}
		if n := w.conn.server.stats.marksOff.Value(""); (n == 1) != c.off {
			t.Errorf("counted %v times", n)
		}
	})
}

// The hub has to be told that the reader keeps up again, once.
func TestAReaderThatKeepsUpAgainIsPulledFor(t *testing.T) {
	for from, to := range map[phase]phase{live: pulling, pulling: pulling, behind: pulling} {
		synctest.Test(t, func(t *testing.T) {
			w := alone()
			w.phase, w.fresh.conflating = from, true
			if n := w.pull(); n != needNothing || w.phase != to {
				t.Errorf("from %d to %d, needs %d", from, w.phase, n)
			}
			if pulled := !w.fresh.conflating; pulled != (from != pulling) {
				t.Errorf("from %d it is pulled: %v", from, pulled)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		if w := alone(); w.pull() != needNothing || w.phase != live {
			t.Errorf("nothing is to be pulled, and the phase is %d", w.phase)
		}
	})
}

// What was written while something waited opens the window for the rest, or for all.
func TestAWindowIsCountedAsShutWhileSomethingWaits(t *testing.T) {
	each(t, map[string]aloneCase{
		"nothing waits":      {func(*writeSide) {}, false},
		"the hub holds more": {func(w *writeSide) { w.phase = behind }, true},
	}, func(t *testing.T, w *writeSide, c aloneCase) {
		shut := func() int { return int(w.conn.server.stats.shut.Value("")) }
		w.took(1)
		if fill(w); w.fresh.refusing || shut() != 0 {
			t.Errorf("%d are shut from the start", shut())
		}
		for range 2 {
			w.refuse()
		}
		if shut() != 1 {
			t.Errorf("%d are shut, of one", shut())
		}
		c.change(w)
		for range 2 {
			if w.took(1); w.fresh.refusing != c.want || (shut() == 1) != c.want || shut() < 0 {
				t.Errorf("%d are shut, refusing is %v", shut(), w.fresh.refusing)
			}
		}
	})
}

func TestTheHubSaysThatItConflated(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*writeSide)
		to     phase
	}{
		"live":     {func(w *writeSide) { w.phase = pulling }, live},
		"draining": {func(w *writeSide) { w.draining = true }, behind},
		"over":     {func(w *writeSide) { w.phase, w.draining = over, true }, over},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := alone()
			c.change(w)
			before := w.phase
			done := make(chan struct{})
			w.fresh.folding = done
			if w.hear(); w.fresh.folding == nil || w.fresh.conflating || w.phase != before {
				t.Errorf("%s: it is said before it is so", name)
			}
			close(done)
			if w.hear(); w.fresh.folding != nil || !w.fresh.conflating || w.phase != c.to {
				t.Errorf("%s: folding %v, conflating %v, phase %d", name, w.fresh.folding, w.fresh.conflating, w.phase)
			}
		})
	}
}

// An end, a drain or a write under way has no use for the window.
func TestWhenAWindowIsLookedAt(t *testing.T) {
	each(t, map[string]struct {
		change          func(*writeSide)
		ticks, whenever bool // whether a tick looks, and a write that waits
	}{
		"live":      {func(*writeSide) {}, true, true},
		"over":      {func(w *writeSide) { w.finish(nil) }, false, false},
		"unwritten": {func(w *writeSide) { w.unwritten = []byte("x") }, false, true},
		"draining":  {func(w *writeSide) { w.draining = true }, true, false},
		"no bound":  {func(w *writeSide) { w.fresh.off = true }, false, false},
	}, func(t *testing.T, w *writeSide, c struct {
		change          func(*writeSide)
		ticks, whenever bool
	},
	) {
		heard := func() bool { return w.fresh.answered.Swap(nil) == nil }
		c.change(w)
		w.fresh.answered.Store(&answer{})
		w.tick()
		if heard() != c.ticks {
			t.Errorf("a tick looks: %v", !c.ticks)
		}
		w.fresh.answered.Store(&answer{})
		w.lookMeanwhile()
		if heard() != c.whenever {
			t.Errorf("a write that waits looks: %v", !c.whenever)
		}
	})
}

// A slow reader for whom nothing waits is asked whether it is still slow.
func TestATickAsksASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := alone()
		mine, its := net.Pipe()
		defer mine.Close()
		w.conn.socket.Conn = its
		heard := make(chan []byte, 10)
		go func() {
			for b := make([]byte, 100); ; {
				n, err := mine.Read(b)
				if err != nil {
					close(heard)
					return
				}
				heard <- bytes.Clone(b[:n])
			}
		}()
		now := w.conn.server.now()
		w.fresh.window.Sent(100)
		w.fresh.window.Mark(10, now)
		w.fresh.window.Answer(1, now, now)
		slow(w)
		w.fresh.answered.Store(&answer{2, w.conn.server.now()})
		for range 3 * time.Second / tickEvery {
			elapse(tickEvery)
			w.tick()
		}
		if len(heard) != 1 || (<-heard)[0] != 0x89 {
			t.Error("it is not asked by a ping")
		}
		its.Close()
		<-heard
	})
}

func TestTheLogSaysWhenAReaderTurnsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := alone()
		log, lines := debugLines("reader turned slow")
		w.conn.server.log = log
		for range 10 {
			w.judge()
		}
		if len(lines) > 0 {
			t.Errorf("a reader that keeps up: %s", <-lines)
		}
		w.fresh.window.Sent(100)
		w.fresh.window.Mark(10, w.conn.server.now())
		for range 2 * time.Second / tickEvery {
			elapse(tickEvery)
			w.judge()
		}
		if len(lines) != 1 {
			t.Errorf("%d lines", len(lines))
		}
	})
}

// What a write left is what the next step needs, although nothing else waits.
func TestAStepNeedsTheSocketForWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := alone()
		w.unwritten = []byte("x")
		if n := w.writeQueued(); n != needSocket {
			t.Errorf("it needs %d", n)
		}
		w.wish.Store(1000)
		w.beating().due = 0
		if n := w.pulse(); n != needSocket || string(w.unwritten) != "x" {
			t.Errorf("a heartbeat: it needs %d, and %q is left", n, w.unwritten)
		}
	})
}

// What the kernel did not take is kept. It is a copy, where what was written is in shared memory.
func TestWhatIsLeftOfAWriteIsKept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mine, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	its, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer its.Close()
	w := alone()
	w.fresh = nil
	w.conn.socket = newSocket(its)
	w.raw.init()
	big := bytes.Repeat([]byte("x"), 32<<20)
	if w.send(big); w.phase == over || len(w.unwritten) == 0 || len(w.unwritten) == len(big) {
		t.Fatalf("%d of %d bytes are left, phase %d", len(w.unwritten), len(big), w.phase)
	}
	if n := w.conn.server.sent.bytes.Load(); int(n)+len(w.unwritten) != len(big) {
		t.Errorf("%d bytes are written and %d left of %d", n, len(w.unwritten), len(big))
	}
	steps := hub.NewSteps(hub.Options{QueueBytes: 1 << 20, Frame: Frame, Stamped: FrameStamped, Conflated: protocol.Conflated, Lost: protocol.Lost})
	steps.Register(&w.conn.client)
	w.unwritten = nil
	for room := 0; len(w.unwritten) == 0; room++ { // the kernels may find a place once more, for what they hold already
		for n := 0; len(w.unwritten) < len(big) && n < 100; n++ { // until they take nothing
			w.unwritten = nil
			w.send(big)
		}
		w.unwritten = nil
		steps.Join(&w.conn.client, []string{strconv.Itoa(room)}, hub.Wants{}, Frame(nil, "joined"))
		steps.Route([]hub.BroadcastEvent{{Room: strconv.Itoa(room), Kind: hub.Message, Payload: strings.Repeat("y", 30<<10)}})
		b := <-w.conn.client.Queue()
		if n := w.writeJoined(&b); n != 2 || room == 100 {
			t.Fatalf("%d batches, and %d bytes are left", n, len(w.unwritten))
		}
	}
	shared := w.conn.server.arena.joined.Get().(*[]byte)
	copy((*shared)[:cap(*shared)], bytes.Repeat([]byte("z"), cap(*shared)))
	if bytes.ContainsRune(w.unwritten, 'z') {
		t.Error("what is left lies in shared memory")
	}
}
