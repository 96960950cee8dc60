package bridge

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

func TestPublishReachesTheOthersOnceInOrder(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()

	const n = 3000
	var batch []hub.BroadcastEvent
	for i := range n {
		batch = append(batch, tick("A", "BTC_USDT", uint64(i+1), i))
		if len(batch) == 700 {
			a.publish(batch...)
			batch = nil
		}
	}
	a.publish(append(batch, chat("BTC_USDT", "end"))...)
	for i := range n {
		e := b.hears()
		if e.Payload != fmt.Sprintf(`{"price":%d}`, i) || e.Kind != hub.State || e.Seq != uint64(i+1) {
			t.Fatalf("event %d: %+v", i, e)
		}
		if e.Version != (hub.Version{Clock: uint64(i + 1), Instance: "A"}) {
			t.Fatalf("event %d: version %v", i, e.Version)
		}
		if age := moment.Now().Since(e.Born); age < 0 || age > patience {
			t.Fatalf("event %d: age %v", i, age)
		}
	}
	if e := b.hears(); e.Kind != hub.Message || e.Version != (hub.Version{Instance: "A"}) {
		t.Fatalf("the message: %+v", e)
	}
	// Whatever B sends comes behind anything that Redis still had for A.
	last := chat("BTC_USDT", "from B")
	b.publish(last)
	a.hearsNothingBut(last)

	if st := a.stats(); st.Published != n+1 || st.OwnEchoes != st.Bundles || st.Bundles == 0 || st.Bytes == 0 {
		t.Errorf("A's stats: %+v", st)
	}
	for deadline := time.Now().Add(patience); b.stats().Received != n+1; b.read("BTC_USDT") { // counted behind the hand-over
		if time.Now().After(deadline) {
			t.Fatalf("B's stats: %+v", b.stats())
		}
	}
}

func TestLastPriceIsReadableAndLivesAsLongAsItMay(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()

	e := tick("A", "BTC_USDT", 7, 1)
	e.Born -= 10 * time.Second
	e.At, e.Life = 1_700_000_000_123, 2
	a.publish(e)
	b.hearsNothingBut(e)
	key := "backbone:last:{17aitp}:price:BTC_USDT"
	if got, want := s.CLI("GET", key), `{"version":"0000000000000007-A","seq":7,"at":1700000000123,"life":2,"event":{"price":1}}`; got != want {
		t.Errorf("GET: %s, want %s", got, want)
	}
	left := pttl(t, s, key)
	if left > 20*time.Second || left < 10*time.Second {
		t.Errorf("%v left to live of 30 s, ingested 10 s ago", left)
	}

	got := b.read("ETH_USDT", "BTC_USDT")
	if got.err != nil || len(got.found) != 1 {
		t.Fatalf("read: %+v", got)
	}
	f := got.found[0]
	if f.Kind != hub.Recovered || f.Version != e.Version || f.Payload != e.Payload || f.Room != e.Room ||
		f.Seq != e.Seq || f.At != e.At || f.Life != e.Life {
		t.Errorf("read: %+v", f)
	}
	if f.Born > e.Born+5*time.Second {
		t.Errorf("read: born %v after its ingestion", f.Born-e.Born)
	}

	// The same version again, as if born now, extends nothing and is not heard.
	again := recovered(e)
	again.Born = moment.Now().Steady
	next := chat("BTC_USDT", "next")
	b.publish(again, next)
	a.hearsNothingBut(next)
	if now := pttl(t, s, key); now > left {
		t.Errorf("%v left to live, %v before the same version came again", now, left)
	}
	if st := b.stats(); st.Unchanged != 1 || st.Refused != 0 {
		t.Errorf("B's stats: %+v", st)
	}
}

// Who writes form 2, or into the channel of all partitions, is heard too, in the order of Redis. Own
// messages are not.
func TestBothFormsAreHeardOnAllChannels(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL())
	a.linked()
	names := wire.Names{Prefix: DefaultPrefix}
	message := func(origin string, form wire.Form, events ...hub.BroadcastEvent) string {
		return (&composer{instance: origin, form: form}).only(&bundle{events: events}, moment.Now().Steady)
	}
	clock := uint64(0)
	next := func(room string) hub.BroadcastEvent { clock++; return tick("X", room, clock, int(clock)) }
	var want []hub.BroadcastEvent
	for _, form := range []wire.Form{1, 2, 1, 2} {
		one, all := []hub.BroadcastEvent{next("BTC_USDT"), chat("BTC_USDT", "hi")}, []hub.BroadcastEvent{next("BTC_USDT"), next("BTC_USDT")}
		if form == 2 {
			all[1].Room = "ETH_USDT" // of another partition
		}
		s.CLI("PUBLISH", names.Events(partition.Of("BTC_USDT")), message("X", form, one...))
		s.CLI("PUBLISH", names.AllEvents(), message("X", form, all...))
		s.CLI("PUBLISH", names.AllEvents(), message("A", form, next("BTC_USDT")))
		want = append(want, append(one, all...)...)
	}
	for i, e := range want {
		if got := a.hears(); got.Room != e.Room || got.Payload != e.Payload || got.Kind != e.Kind || e.Kind == hub.State && got.Version != e.Version {
			t.Fatalf("event %d is %+v, want %+v", i, got, e)
		}
	}
	if st := a.stats(); st.OwnEchoes != 4 || st.Garbage != 0 || st.Drops[DropGarbage] != 0 {
		t.Errorf("stats %+v, want 4 own echoes and no garbage", st)
	}
}

func TestTypesOfARoomAreStoredApart(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()

	price, book := tick("A", "BTC_USDT", 9, 1), tick("A", "BTC_USDT", 7, 2) // the older one is no less new of its type
	book.Type = "book"
	a.publish(price, book)
	for _, want := range []hub.BroadcastEvent{price, book} {
		if got := b.hears(); got.Type != want.Type || got.Version != want.Version || got.Payload != want.Payload {
			t.Errorf("B heard %+v, want %+v", got, want)
		}
	}
	got := b.read("BTC_USDT")
	if got.err != nil || len(got.found) != 2 {
		t.Fatalf("read: %+v, want both types", got)
	}
	for i, want := range []hub.BroadcastEvent{price, book} {
		if f := got.found[i]; f.Type != want.Type || f.Version != want.Version || f.Payload != want.Payload {
			t.Errorf("read %+v, want %+v", f, want)
		}
	}
	a.publish() // taken once the call before is counted
	if st := a.stats(); st.Refused != 0 || st.Published != 2 {
		t.Errorf("A's stats: %+v, want both published", st)
	}
}

func TestAnOlderVersionIsRefusedAndTheNewerClockTold(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()

	newest := tick("A", "BTC_USDT", 5000, 1)
	a.publish(newest)
	b.hearsNothingBut(newest)
	last := chat("BTC_USDT", "last")
	b.publish(tick("B", "BTC_USDT", 4000, 2), tick("B", "BTC_USDT", 4001, 3), last)
	a.hearsNothingBut(last)
	for receive(t, b.clocks, "the newer clock") != 5000 {
	}
	if st := b.stats(); st.Refused != 2 || st.Published != 1 {
		t.Errorf("B's stats: %+v", st)
	}

	// Between equal clocks the instance id decides, byte by byte: a lower-case letter is newer.
	tie := tick("b", "BTC_USDT", 5000, 4)
	b.publish(tie)
	a.hearsNothingBut(tie)
	lower := tick("Z", "BTC_USDT", 5000, 5)
	end := chat("BTC_USDT", "end")
	b.publish(lower, end)
	a.hearsNothingBut(end)
}

func TestWithoutTTLNothingIsStoredOrCompared(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	off := func(o *Options) { o.TTL = 0 }
	a, b := start(t, "A", s.URL(), off), start(t, "B", s.URL(), off)
	a.linked()
	b.linked()
	newer, older := tick("A", "BTC_USDT", 2, 2), tick("A", "BTC_USDT", 1, 1)
	a.publish(newer, older)
	b.hearsNothingBut(newer)
	b.hearsNothingBut(older)
	if got := s.CLI("DBSIZE"); got != "0" {
		t.Errorf("%s keys, want none", got)
	}
	if got := b.read("BTC_USDT"); got.err != nil || len(got.found) != 0 {
		t.Errorf("read: %+v", got)
	}
}

func TestAnExpiredValueIsHeardButNotStored(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	e := tick("A", "BTC_USDT", 2, 2)
	e.Born -= time.Minute
	a.publish(e)
	if got := b.hears(); got.Payload != e.Payload || got.Kind != hub.Recovered {
		t.Errorf("heard %+v, want the value, recovered", got)
	}
	if got := s.CLI("DBSIZE"); got != "0" {
		t.Errorf("%s keys, want none", got)
	}
	end := chat("BTC_USDT", "end") // behind it, the answer to the first call was counted
	a.publish(end)
	b.hearsNothingBut(end)
	if st := a.stats(); st.StoreFailed != 0 {
		t.Errorf("A's stats: %+v", st)
	}
}

func TestAResyncIsHeardAndNeitherStoredNorCompared(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	e := tick("A", "BTC_USDT", 2, 2)
	a.publish(e)
	b.hearsNothingBut(e)
	q := hub.BroadcastEvent{Room: "BTC_USDT", Type: "price", Kind: hub.Resync, Payload: "{}", Version: hub.Version{Clock: 1, Instance: "B"}, Born: moment.Now().Steady}
	b.publish(q)
	if got := a.hears(); got.Kind != hub.Resync || got.Version != q.Version {
		t.Errorf("A heard %+v, want the resync request", got)
	}
	if got := b.read("BTC_USDT"); len(got.found) != 1 || got.found[0].Version != e.Version {
		t.Errorf("read: %+v", got)
	}
}

func TestALargeBatchArrivesWhole(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	// Nothing is given up, however busy the machine is.
	patient := func(o *Options) { o.InboxBytes, o.CallTimeout, o.EchoTimeout = 64<<20, patience, patience }
	a, b := start(t, "A", s.URL(), patient), start(t, "B", s.URL(), patient)
	a.linked()
	b.linked()
	var batch []hub.BroadcastEvent
	const rooms, rounds = 100, 200
	for i := range rooms * rounds {
		e := tick("A", "ROOM_"+strconv.Itoa(i%rooms), uint64(i+1), i)
		e.Payload = fmt.Sprintf(`{"price":%d,"pad":%q}`, i, strings.Repeat("x", 300))
		batch = append(batch, e)
	}
	a.publish(batch...)
	last := map[string]uint64{}
	for range batch {
		e := b.hears()
		if e.Version.Clock <= last[e.Room] {
			t.Fatalf("%s: %d came after %d", e.Room, e.Version.Clock, last[e.Room])
		}
		last[e.Room] = e.Version.Clock
	}
	a.publish() // taken once the answers to all before it are counted
	if st := a.stats(); st.Published != rooms*rounds || st.Bundles < rooms*rounds*300/maxCallBytes {
		t.Errorf("A's stats: %+v", st)
	}
}

func TestHeartbeatsTellClocksAndPeers(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL(), func(o *Options) { o.Clock = func() uint64 { return 4711 } })
	b := start(t, "B", s.URL())
	a.linked()
	b.linked()
	if got := receive(t, b.clocks, "A's clock"); got != 4711 {
		t.Errorf("B was told of clock %d, want 4711", got)
	}
	if st := b.stats(); st.Peers != 1 || st.Heartbeats == 0 {
		t.Errorf("B's stats: %+v", st)
	}
	if st := a.bridge.Status(); st.State != OK || len(st.Shards) != 1 || st.Shards[0].Name != s.Addr() {
		t.Errorf("A's status: %+v", st)
	}
}

func TestScriptFlushRepeatsAndBeginsAGeneration(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	s.CLI("SCRIPT", "FLUSH")
	e1, e2 := tick("A", "BTC_USDT", 1, 1), tick("A", "BTC_USDT", 2, 2)
	a.publish(e1, e2)
	b.hearsNothingBut(e1)
	b.hearsNothingBut(e2)
	a.linked()
	if st := a.stats(); st.Reloads != 1 || st.Reconnects != 0 || st.Published != 2 {
		t.Errorf("A's stats: %+v", st)
	}
}

func TestReadsFailAtOnceWithoutALink(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	s.Kill()
	a := start(t, "A", s.URL())
	if got := a.read("BTC_USDT"); !errors.Is(got.err, ErrDown) || len(got.rooms) != 1 {
		t.Errorf("read: %+v, want %v", got, ErrDown)
	}
	if st := a.bridge.Status(); st.State != Connecting {
		t.Errorf("status: %+v", st)
	}
}

func pttl(t *testing.T, s *redistest.Server, key string) time.Duration {
	t.Helper()
	ms, err := strconv.Atoi(s.CLI("PTTL", key))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}
