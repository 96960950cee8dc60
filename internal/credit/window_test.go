package credit_test

import (
	"testing"
	"time"

	"backbone/internal/credit"
)

const (
	ms     = time.Millisecond
	maxAge = 500 * ms
)

// reader takes a stream at a rate and is some time away. It is driven in steps of a millisecond.
type reader struct {
	w        *credit.Window
	now      time.Duration
	rate     float64       // bytes a second
	distance time.Duration // each way
	stopped  bool          // the server is: nobody calls the window

	flight  []piece // sent and not read yet
	read    float64 // of the first piece
	answers []piece // under way back
	most    int     // outstanding at most, beyond the window
}

type piece struct {
	bytes int
	mark  uint64 // 0: none
	due   time.Duration
	sent  time.Duration
}

func newReader(rate float64, distance time.Duration) *reader {
	w := credit.New(maxAge)
	return &reader{w: &w, rate: rate, distance: distance}
}

// send sends n bytes and the mark that is due behind them.
func (r *reader) send(n int) {
	r.flight = append(r.flight, piece{bytes: n, due: r.now + r.distance, sent: r.now})
	if r.w.MarkDue(n) {
		number := r.w.NextMark()
		r.w.Mark(n+10, r.now)
		r.flight = append(r.flight, piece{bytes: 10, mark: number, due: r.now + r.distance, sent: r.now})
		r.w.Sent(10)
	}
	r.w.Sent(n)
	if n > 0 {
		r.most = max(r.most, r.w.Outstanding()-r.w.Size())
	}
}

// step lets a millisecond pass and returns the age of the oldest that was read in it.
func (r *reader) step() (age time.Duration) {
	r.now += ms
	r.read += r.rate / 1000
	for len(r.flight) > 0 && r.flight[0].due <= r.now && r.read >= float64(r.flight[0].bytes) {
		p := r.flight[0]
		r.flight = r.flight[1:]
		r.read -= float64(p.bytes)
		age = max(age, r.now-p.sent)
		if p.mark > 0 {
			r.answers = append(r.answers, piece{mark: p.mark, due: r.now + r.distance})
		}
	}
	if len(r.flight) == 0 || r.flight[0].due > r.now {
		r.read = 0
	}
	if r.stopped {
		return age
	}
	for len(r.answers) > 0 && r.answers[0].due <= r.now {
		r.w.Answer(r.answers[0].mark, r.now, r.now)
		r.answers = r.answers[1:]
	}
	if r.now%(25*ms) == 0 {
		r.w.Tick(r.now)
		if r.w.MarkDue(0) {
			r.send(0)
		}
	}
	return age
}

// run offers a stream of some bytes a second in events of 100 bytes and returns the oldest age of
// what was read, from a moment on.
func (r *reader) run(d time.Duration, offered int, from time.Duration) (oldest time.Duration) {
	begin, due := r.now, 0
	for r.now < begin+d {
		age := r.step()
		if r.now >= begin+from {
			oldest = max(oldest, age)
		}
		if r.w.Room() > 0 {
			r.w.Took(1, 0, r.now) // the newest of all is sent
		}
		for due += offered / 1000; due >= 100; due -= 100 {
			if r.w.Room() <= 0 {
				r.w.Refuse(1, r.now)
				continue // a newer one takes its place
			}
			r.send(100)
		}
	}
	return oldest
}

func TestWhatASlowReaderReadsIsYoung(t *testing.T) {
	for _, rate := range []float64{2_000, 20_000, 100_000, 1_000_000} {
		for _, distance := range []time.Duration{0, 10 * ms, 100 * ms} {
			r := newReader(rate, distance)
			settled := 2*time.Second + time.Duration((1<<20)/rate*float64(time.Second))
			if rate == 1_000_000 {
				settled += 3 * time.Second // its window grew before it fell behind
			}
			oldest := r.run(settled+20*time.Second, int(4*rate), settled)
			want := distance + maxAge
			if rate < 8_000 {
				want = distance + time.Duration(1.3*credit.MinWindow/rate*float64(time.Second))
			}
			if oldest > want {
				t.Errorf("%v bytes/s, %v away: %v old (slow: %v, window %d)", rate, distance, oldest, r.w.Slow(), r.w.Size())
			}
			if r.most > 1000 {
				t.Errorf("%v bytes/s, %v away: %d bytes beyond the window were under way", rate, distance, r.most)
			}
		}
	}
}

func TestAReaderThatKeepsUpIsRefusedNothing(t *testing.T) {
	for _, c := range []struct {
		distance time.Duration
		offered  int
	}{{0, 5 << 20}, {50 * ms, 5 << 20}, {100 * ms, 5 << 20}, {0, 1000}, {100 * ms, 1000}} {
		r := newReader(50<<20, c.distance)
		r.send(50)
		for !r.w.Answered() {
			r.step()
		}
		r.run(10*time.Second, c.offered, 0)
		if r.w.Slow() || r.w.Old() {
			t.Errorf("%v away, %d bytes/s: slow %v, old %v", c.distance, c.offered, r.w.Slow(), r.w.Old())
		}
	}
}

// Its marks are few: each costs an answer.
func TestMarksOfAReaderThatKeepsUpAreFew(t *testing.T) {
	r := newReader(50<<20, ms)
	r.run(10*time.Second, 1<<20, 0)
	before := r.w.NextMark()
	r.run(20*time.Second, 1<<20, 0)
	if n := r.w.NextMark() - before; n > 11 {
		t.Errorf("%d marks in 20 s", n)
	}
	before = r.w.NextMark()
	r.run(time.Minute, 0, 0)
	if n := r.w.NextMark() - before; n > 0 || r.w.Watched() {
		t.Errorf("%d marks while nothing was sent; watched: %v", n, r.w.Watched())
	}
}

// A reader that answers late for other reasons, once, is not slow.
func TestALateAnswerWithinHalfOfTheAgeIsForgiven(t *testing.T) {
	r := newReader(10<<20, ms)
	r.run(5*time.Second, 100_000, 0)
	r.rate = 0
	r.run(200*ms, 100_000, 0)
	r.rate = 10 << 20
	r.run(time.Second, 100_000, 0)
	if r.w.Slow() {
		t.Error("it is slow")
	}
}

// A reader of many events that answers late, because its machine is busy, may have more under way
// as long as it is not slow.
func TestALateReaderThatIsNotSlowGetsMore(t *testing.T) {
	for _, c := range []struct {
		rtt  time.Duration
		more bool
	}{{maxAge / 5, true}, {maxAge * 3 / 8, true}, {maxAge * 9 / 20, false}} {
		w := credit.New(maxAge)
		now := time.Duration(0)
		round := func(rtt time.Duration) {
			w.Mark(10, now)
			number := w.NextMark() - 1
			w.Sent(10)
			now += rtt
			w.Answer(number, now, now)
		}
		round(ms)
		before := w.Size()
		w.Sent(before / 2)
		round(c.rtt)
		if more := w.Size() > before; more != c.more {
			t.Errorf("answer after %v: window was %d, is %d", c.rtt, before, w.Size())
		}
	}
}

// However fast a slow reader takes, it has a few marks under way: each costs an answer.
func TestMarksOfASlowReaderAreFew(t *testing.T) {
	for _, rate := range []float64{20 << 10, 1 << 20, 5 << 20} {
		r := newReader(rate, ms)
		r.run(5*time.Second, int(2*rate), 0)
		before := r.w.NextMark()
		r.run(10*time.Second, int(2*rate), 0)
		if n := r.w.NextMark() - before; n > 400 {
			t.Errorf("reader of %.0f bytes a second: %d marks in 10 s", rate, n)
		}
	}
}

// A window that is tight is no larger than it has to be, and as large as it has to be.
func TestATightWindowGrowsOnlyIfItIsInUse(t *testing.T) {
	near := newReader(50<<20, ms)
	near.w.Tighten()
	near.run(10*time.Second, 400_000, 0)
	if near.w.Size() != credit.StartWindow {
		t.Errorf("a near reader: the window grew to %d", near.w.Size())
	}
	far := newReader(50<<20, 50*ms)
	far.w.Tighten()
	far.run(10*time.Second, 8<<20, 0)
	if far.w.Size() < 2<<20 || far.w.Slow() { // at least twice what is under way
		t.Errorf("a distant reader of much: the window is %d, slow: %v", far.w.Size(), far.w.Slow())
	}
}

func TestNobodyIsSlowBecauseTheServerStopped(t *testing.T) {
	r := newReader(10<<20, ms)
	r.run(5*time.Second, 100_000, 0)
	for range 20 {
		r.send(64 << 10) // a mark is under way
		r.stopped = true
		r.now += time.Minute
		r.stopped = false
		r.w.Tick(r.now) // before the answers were read
		if r.w.Slow() || r.w.Old() {
			t.Fatal("it is slow")
		}
		r.run(100*ms, 0, 0)
	}
}

func TestASlowReaderIsTrustedAgain(t *testing.T) {
	r := newReader(20_000, ms)
	r.run(10*time.Second, 100_000, 0)
	if !r.w.Slow() {
		t.Fatal("it is not slow")
	}
	r.rate = 10 << 20
	r.run(3*time.Second, 100_000, 0)
	if r.w.Slow() {
		t.Errorf("it is still slow, with a window of %d", r.w.Size())
	}
	r.rate = 20_000
	r.run(10*time.Second, 100_000, 0)
	r.rate = 10 << 20
	r.run(3*time.Second, 0, 0) // nothing comes for it
	if r.w.Slow() || r.w.Watched() {
		t.Errorf("it is still slow (%v) or watched (%v)", r.w.Slow(), r.w.Watched())
	}
}

func TestWhatWaitsGrowsOld(t *testing.T) {
	w := credit.New(maxAge)
	tick := func(from, to time.Duration) {
		for d := from; d < to; d += 20 * ms {
			w.Tick(d)
		}
	}
	w.Refuse(3, 0)
	tick(0, 500*ms)
	if w.Old() {
		t.Error("it is old before the age has passed")
	}
	w.Took(3, 2, 500*ms) // the first three are gone, two have come since
	tick(500*ms, 1000*ms)
	if w.Old() {
		t.Error("those that came later are as old as those that came first")
	}
	if tick(1000*ms, 1060*ms); !w.Old() {
		t.Error("it never grows old")
	}
	w.Took(2, 0, 1060*ms)
	if w.Old() {
		t.Error("nothing waits, and it is old")
	}
}

func TestAReaderThatOnlyPausesMayCatchUp(t *testing.T) {
	r := newReader(1<<20, ms)
	r.run(2*time.Second, 50_000, 0)
	r.rate = 0 // it stops reading
	for r.w.Room() > 0 {
		r.send(100)
		r.step()
	}
	for r.w.Refuse(1, r.now); r.w.Unanswered() < maxAge-20*ms; {
		if r.step(); r.w.Old() {
			t.Fatalf("after %v without an answer what waits is old", r.w.Unanswered())
		}
		r.w.Tick(r.now)
	}
	for range 50 {
		r.step()
		r.w.Tick(r.now)
	}
	if !r.w.Old() {
		t.Error("a reader that is behind by the whole age is not conflated")
	}
}

func TestWhatWaitsForASlowReaderGrowsOldSooner(t *testing.T) {
	r := newReader(20_000, ms)
	r.run(10*time.Second, 100_000, 0)
	if !r.w.Slow() {
		t.Fatal("it is not slow")
	}
	r.w.Took(1<<20, 0, r.now)
	r.w.Refuse(1, r.now)
	for end := r.now + maxAge/2 + 20*ms; r.now < end; r.w.Tick(r.now) {
		r.step()
	}
	if !r.w.Old() {
		t.Error("it is not old after half of the age")
	}
}

func TestABusyReaderNearbyIsNotTakenForADistantOne(t *testing.T) {
	for _, test := range []struct {
		path time.Duration
		size int
	}{{ms / 10, credit.StartWindow}, {100 * ms, 5 << 20 / 10}} {
		w := credit.New(maxAge)
		w.Sent(100)
		w.Mark(10, 0)
		w.Sent(10)
		w.Answer(1, 100*ms, 100*ms)
		if w.Path(test.path); w.Size() != test.size {
			t.Errorf("a path of %v and an answer after 100 ms give a window of %d, want %d", test.path, w.Size(), test.size)
		}
	}
}

func TestAReaderThatAnswersNothingGetsATrickle(t *testing.T) {
	w := credit.New(maxAge)
	n := 0
	for d := time.Duration(0); d <= 10*time.Second; d += 25 * ms {
		if w.Trickle(d) {
			n++
		}
	}
	if n < 9 || n > 10 {
		t.Errorf("%d trickles in 10 s", n)
	}
}

func TestOnlyMarksUnderWayAreAnswered(t *testing.T) {
	w := credit.New(maxAge)
	for range 3 {
		w.Sent(100)
		w.Mark(10, 0)
		w.Sent(10)
	}
	if _, ok := w.Answer(4, ms, ms); ok || w.Outstanding() != 330 {
		t.Error("a mark that was never sent is answered")
	}
	if _, ok := w.Answer(2, ms, ms); !ok || w.Outstanding() != 110 {
		t.Errorf("the second mark answers the first too: %d are outstanding", w.Outstanding())
	}
	if _, ok := w.Answer(1, ms, ms); ok {
		t.Error("a mark is answered twice")
	}
}

// A client can leave marks unanswered without end.
func TestMarksUnderWayAreBounded(t *testing.T) {
	w := credit.New(maxAge)
	for range 1000 {
		w.Sent(100)
		w.Mark(10, 0)
		w.Sent(10)
	}
	if _, ok := w.Answer(900, ms, ms); ok {
		t.Error("a mark that was forgotten is answered")
	}
	if _, ok := w.Answer(1000, ms, ms); !ok || w.Outstanding() != 0 || w.Watched() {
		t.Error("the last mark does not answer all")
	}
}

// What a mark that is not answered says of the age: the way there is half of the round trip.
func TestTheAgeOfWhatWasNotAnswered(t *testing.T) {
	w := credit.New(maxAge)
	tick := func(from, to time.Duration) {
		for d := from; d <= to; d += 25 * ms {
			w.Tick(d)
		}
	}
	age := func(want time.Duration) {
		t.Helper()
		if got := w.Age(); got != want {
			t.Errorf("an age of %v, want %v", got, want)
		}
	}
	age(0)
	w.Sent(100)
	w.Mark(10, 0)
	tick(0, 100*ms)
	age(100 * ms) // nothing is known of the way yet
	w.Answer(1, 100*ms, 100*ms)
	age(0)
	w.Sent(100)
	w.Mark(10, 100*ms)
	tick(100*ms, 125*ms)
	age(0)
	tick(150*ms, 400*ms)
	age(250 * ms)
}
