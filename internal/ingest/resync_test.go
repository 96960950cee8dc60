package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

func TestLinkedAnewReadsAndOffers(t *testing.T) {
	b := newBox(t, true)
	b.take(from("a", "OLD", -testTTL.Milliseconds()-1, 3, "old"), from("a", "X", -1000, 7, "x"))
	b.local("Y", "y")
	b.local("Z", "z")
	b.join("X", "U")
	b.out.Taken()
	b.wait(time.Second)
	b.beginGeneration(everyone)
	b.settle()
	slices.Sort(b.toRead)
	if !slices.Equal(b.toRead, []string{"U", "X"}) {
		t.Errorf("reads %v, want the rooms with members", b.toRead)
	}
	b.answer()
	offers := map[string]hub.BroadcastEvent{}
	for _, e := range b.out.Events() {
		offers[kinds[e.Kind]+" "+e.Room] = e
	}
	if len(offers) != 5 {
		t.Errorf("offers %s; want X, Y, Z, and two questions", describe(b.out.Events()))
	}
	for room, w := range map[string]hub.BroadcastEvent{"X": from("a", "X", -1000, 7, "x"), "Y": *known(b, "Y"), "Z": *known(b, "Z")} {
		if got := offers["recovered "+room]; got != again(w) {
			t.Errorf("offers %+v, want it as it was: %+v", got, w)
		}
	}
	if got := offers["resync X"].Version; got != from("a", "X", -1000, 7, "x").Version {
		t.Errorf("asks for newer than %v, want the version that is known", got)
	}
	if got := offers["resync U"]; got.Version.Clock != 0 || got.Version.Instance == "" || got.Payload == "" {
		t.Errorf("asks %+v, want anything newer than nothing, in a form that can be sent", got)
	}
	b.out.Taken()
	b.wait(maxOfferDelay)
	b.settle()
	want(t, "later", b.offered(), "recovered OLD old")
	if got := b.count().Reoffered; got != 4 {
		t.Errorf("counted %d offered again, want 4", got)
	}
}

// However many others ask for it meanwhile.
func TestAValueIsOfferedOnceInAWhile(t *testing.T) {
	b := newBox(t, true)
	b.link(everyone)
	b.local("X", "1")
	b.out.Taken()
	for _, other := range []string{"a", "b", "c"} {
		b.take(hub.BroadcastEvent{Room: "X", Kind: hub.Resync, Version: hub.Version{Clock: 1, Instance: other}})
	}
	b.wait(maxOfferDelay)
	b.settle()
	want(t, "later", b.offered(), "recovered X 1")
	if got := b.count().Reoffered; got != 1 {
		t.Errorf("offered %d times", got)
	}
}

// known is the newest value of a room as an event.
func known(b *box, room string) *hub.BroadcastEvent {
	v := b.table.find(room).of("")
	return &hub.BroadcastEvent{Room: room, Payload: v.payload, Version: v.version, Born: v.born, Seq: v.number, At: v.at, Life: v.life}
}

func TestLinkedAnewConcernsItsPartitions(t *testing.T) {
	one, two := "A", "B"
	if partition.Of(one) == partition.Of(two) {
		t.Fatal("the rooms are of one partition; choose others")
	}
	b := newBox(t, true)
	b.local(one, "1")
	b.local(two, "2")
	b.join(one, two)
	b.out.Taken()
	b.link(partition.Only(partition.Of(two)))
	if !slices.Equal(b.toRead, []string{two}) {
		t.Errorf("reads %v, want %s", b.toRead, two)
	}
	want(t, "offered", b.offered(), fmt.Sprintf("recovered %s 2", two))
	b.answer()
	want(t, "asked", b.offered(), fmt.Sprintf("resync %s {}", two))
	want(t, "a joiner of the other", b.join(one), "warm "+one+" 1!")
	if len(b.toRead) > 0 {
		t.Errorf("reads %v, want none", b.toRead)
	}
}

// Others answer a question through Redis, which publishes nothing that it holds already.
// So what it holds must have been read before: a value that ends between an answer and a
// read behind it would be missed for good.
func TestAsksOthersBehindTheRead(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		b := newBox(t, true)
		b.join("X")
		b.link(everyone)
		want(t, "before the answer", b.offered(), "")
		b.answer(again(from("a", "X", 5, 0, "stored")))
		if got := b.out.Events(); describe(got) != "resync X {}" || got[0].Version != from("a", "X", 5, 0, "").Version {
			t.Errorf("asks %+v, want what is newer than the value read", got)
		}
		b.out.Taken()
		b.join("X")
		b.settle()
		want(t, "later", b.offered(), "")
	})
	t.Run("behind one that failed and was repeated", func(t *testing.T) {
		b := newBox(t, true)
		b.join("X")
		b.link(everyone)
		b.answerAs(true)
		want(t, "failed", b.offered(), "")
		b.wait(rereadDelay)
		b.settle()
		b.answer()
		want(t, "answered", b.offered(), "resync X {}")
	})
	t.Run("behind one of the new link", func(t *testing.T) {
		b := newBox(t, true)
		b.join("X")
		b.link(everyone)
		rooms := b.nextReads()
		b.readsSent()
		b.link(everyone)
		b.lastPrices(rooms, nil, false, b.now)
		want(t, "answered of before", b.offered(), "")
		b.answer()
		want(t, "answered of now", b.offered(), "resync X {}")
	})
	t.Run("at once where a joiner has had it read", func(t *testing.T) {
		b := newBox(t, true)
		b.beginGeneration(everyone)
		b.join("X")
		b.answer()
		b.settle()
		want(t, "caught up", b.offered(), "resync X {}")
	})
	t.Run("not without members", func(t *testing.T) {
		b := newBox(t, true)
		b.join("X")
		b.link(everyone)
		b.unwatch([]string{"X"}, nil)
		b.answer()
		want(t, "answered", b.offered(), "")
	})
	t.Run("where Redis can have an older value", func(t *testing.T) {
		for _, late := range []bool{false, true} {
			b := newBox(t, true)
			b.opts.StoredLate = late
			b.link(everyone)
			b.join("X")
			b.answer(again(from("a", "X", 5, 0, "stored")))
			if got := b.out.Events(); (describe(got) == "resync X {}") != late || late && got[0].Version != from("a", "X", 5, 0, "").Version {
				t.Errorf("stored late: %t, asks %+v", late, got)
			}
			b.out.Taken()
			b.join("X")
			b.settle()
			want(t, "later", b.offered(), "")
		}
	})
	t.Run("where Redis can have an older value, although the outbox is fuller than for offers", func(t *testing.T) {
		b := newBox(t, true, func(o *Options) { o.OutboxBytes, o.StoredLate = 4*priceSize, true })
		b.link(everyone)
		b.join("X")
		b.local("lobby", strings.Repeat("p", 72))
		if !b.full() {
			t.Fatal("the outbox has place for offers")
		}
		b.answer(again(from("a", "X", 5, 0, "stored")))
		if got := b.offered(); !strings.HasSuffix(got, "resync X {}") {
			t.Errorf("asks %q, want X", got)
		}
	})
	t.Run("where Redis has nothing, once in a generation", func(t *testing.T) {
		b := newBox(t, true)
		b.link(everyone)
		b.join("X", "Y")
		b.answer(again(from("a", "Y", 5, 0, "stored")))
		want(t, "answered", b.offered(), "resync X {}")
		b.join("X")
		b.unwatch([]string{"X"}, nil)
		b.join("X")
		want(t, "joined again", b.offered(), "")
	})
}

func TestOffersEveryGeneration(t *testing.T) {
	b := newBox(t, true)
	b.local("X", "p")
	b.take(from("a", "Y", 5, 1, "q"))
	b.out.Taken()
	for range 3 {
		b.link(everyone)
		if got := b.offered(); !strings.Contains(got, "recovered X p") || !strings.Contains(got, "recovered Y q") {
			t.Errorf("offered %q, want X and Y, whoever had published them and however often", got)
		}
	}
}

// Where values are stored later, Redis refuses no offer: if all instances offered all values, each
// would come to all as often as there are instances.
func TestWhereValuesAreStoredLaterOneInstanceOffersEach(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.StoredLate = true })
	b.local("X", "p")
	y, z := from("a", "Y", 5, 1, "q"), from("a", "Z", 5, 1, "r")
	b.take(y, z)
	b.out.Taken()
	for range 2 {
		b.link(everyone)
		want(t, "offered at once", b.offered(), "recovered X p")
		b.take(again(y))
		b.wait(maxOfferDelay)
		b.settle()
		want(t, "offered later", b.offered(), "recovered Z r")
	}
}

// A value found by a read has no number; it must not be offered with that of another.
func TestOffersCarryTheNumberOfTheirValue(t *testing.T) {
	b := newBox(t, true)
	b.join("X")
	b.take(from("a", "X", 1, 50, "50"))
	b.link(everyone)
	b.answer(again(from("a", "X", 90, 0, "90")))
	b.out.Taken()
	b.link(everyone)
	for _, e := range b.out.Events() {
		if e.Kind == hub.Recovered && e.Seq != 0 {
			t.Errorf("offers %+v, want it without a number", e)
		}
	}
}

func TestAnswersQuestions(t *testing.T) {
	ask := func(clock int64) hub.BroadcastEvent {
		e := from("a", "X", clock, 0, "{}")
		e.Kind = hub.Resync
		return e
	}
	b := newBox(t, true)
	b.take(from("a", "X", 10, 4, "mine"))
	b.wait(2 * testTTL) // past the TTL nobody else can be asked
	due := func() string {
		b.wait(maxOfferDelay)
		b.settle()
		return b.offered()
	}
	want(t, "of what it has not", b.take(hub.BroadcastEvent{Room: "Y", Kind: hub.Resync}), "")
	want(t, "offered", due(), "")
	want(t, "by one who knows it", b.take(ask(10)), "")
	want(t, "offered", due(), "")
	want(t, "by one who does not", b.take(ask(9), ask(1)), "")
	b.settle()
	want(t, "offered at once", b.offered(), "")
	want(t, "offered, once", due(), "recovered X mine")
	b.take(ask(9))
	b.take(again(from("a", "X", 9, 3, "older")))
	want(t, "offered although another offered an older one", due(), "recovered X mine")
	b.take(ask(9))
	b.take(again(from("a", "X", 10, 4, "mine")))
	want(t, "offered after another has", due(), "")
	b.take(ask(9))
	b.take(from("a", "X", 11, 5, "newer"))
	want(t, "offered after another had a newer one", due(), "")
	b.take(ask(9))
	want(t, "offered when asked again", due(), "recovered X newer")
}

func TestAnswersWaitForRoomInTheOutbox(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.OutboxBytes = 8 * priceSize })
	b.take(from("a", "X", 10, 4, "mine"))
	b.take(hub.BroadcastEvent{Room: "X", Kind: hub.Resync})
	for range 3 {
		b.local("lobby", strings.Repeat("p", 72))
	}
	b.wait(maxOfferDelay)
	b.settle()
	if got := b.offered(); strings.Contains(got, "recovered") {
		t.Errorf("offered %q, want the answer to wait", got)
	}
	b.wait(maxOfferDelay)
	b.settle()
	want(t, "offered then", b.offered(), "recovered X mine")
}

// Whatever is known, the same inputs give the same outputs.
func TestCatchingUpDoesNotDependOnMapOrder(t *testing.T) {
	run := func() string {
		b := newBox(t, true)
		for _, room := range rooms500 {
			b.local(room, "p")
		}
		for _, room := range rooms500[:100] {
			b.take(from("a", room+"_OLD", -testTTL.Milliseconds(), 1, "q"))
		}
		b.watch(rooms500[200:300], hub.Wants{Status: true}, b.now)
		b.beginGeneration(everyone)
		b.settle()
		b.wait(testTTL)
		told := b.settle()
		return told + fmt.Sprint(b.toRead) + b.offered()
	}
	first := run()
	for range 5 {
		if run() != first {
			t.Fatal("two runs with the same inputs differ")
		}
	}
}

func TestTasksAreBoundedEach(t *testing.T) {
	b := newBox(t, true)
	b.watch(roomNames(2*maxTasks+1), hub.Wants{Status: true}, b.now)
	b.wait(testTTL)
	var sizes []int
	for b.next() != never {
		sizes = append(sizes, len(b.tasks(b.now)))
	}
	if want := []int{maxTasks, maxTasks, 1}; !slices.Equal(sizes, want) {
		t.Errorf("told of %v rooms at a time, want %v", sizes, want)
	}
}

func TestWorkIsDoneOnePartitionAtATime(t *testing.T) {
	b := newBox(t, true)
	for _, room := range rooms500 {
		b.local(room, "p")
	}
	b.out.Taken()
	b.beginGeneration(everyone)
	steps := 0
	for ; b.due != 0; steps++ {
		before := b.out.Len()
		b.tasks(b.now)
		seen := map[int]bool{}
		for _, e := range b.out.Events()[before:] {
			seen[partition.Of(e.Room)] = true
		}
		if len(seen) > 1 {
			t.Fatalf("a step offered rooms of %d partitions", len(seen))
		}
	}
	if steps != partition.Count || b.out.Len() != 500 {
		t.Errorf("%d steps offered %d rooms, want %d and 500", steps, b.out.Len(), partition.Count)
	}
}
