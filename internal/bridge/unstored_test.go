package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/redistest"
)

func lastKey(room string) string { return wire.Names{Prefix: DefaultPrefix}.Last("price", room) }

// Values that are stored later are published at once. The newest of each room is stored within
// the interval.
func TestValuesArePublishedAtOnceAndStoredLater(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	const every = 300 * time.Millisecond
	a := start(t, "A", s.URL(), func(o *Options) { o.StoreInterval = every })
	b := start(t, "B", s.URL())
	a.linked()
	b.linked()
	begun := time.Now()
	for n := range uint64(50) {
		e := tick("A", "X", n+1, int(n))
		a.publish(e)
		b.hearsNothingBut(e)
	}
	want := `{"version":"0000000000000032-A","seq":50,"event":{"price":49}}`
	for deadline := time.Now().Add(patience); s.CLI("GET", lastKey("X")) != want; {
		if time.Now().After(deadline) {
			t.Fatalf("stored is %s, want %s", s.CLI("GET", lastKey("X")), want)
		}
	}
	if left := pttl(t, s, lastKey("X")); left > 30*time.Second {
		t.Errorf("%v left to live of 30 s", left)
	}
	sets := 0
	for line := range strings.Lines(s.CLI("INFO", "commandstats")) {
		_, _ = fmt.Sscanf(line, "cmdstat_set:calls=%d", &sets)
	}
	if most := int(time.Since(begun)/every) + 1; sets > most {
		t.Errorf("%d values stored, want %d at most", sets, most)
	}
	if st := a.stats(); st.Published != 50 {
		t.Errorf("A's stats: %+v", st)
	}
}

// never is an interval that ends in no test.
func never(o *Options) { o.StoreInterval = time.Hour }

// Whoever waits until the outbox was taken twice more knows that all values are stored, as an
// instance that stops.
func TestBeforeAStopAllIsStored(t *testing.T) {
	for _, setup := range []string{"server", "server, form 2", "cluster"} {
		t.Run(setup, func(t *testing.T) {
			noLeak(t)
			var stored func(key string) *redistest.Server
			var url string
			if setup != "cluster" {
				s := redistest.Start(t)
				stored, url = func(string) *redistest.Server { return s }, s.URL()
			} else {
				c := redistest.StartCluster(t)
				stored, url = c.MasterOf, "redis+cluster://"+c.Addrs()
			}
			a := start(t, "A", url, never, func(o *Options) {
				if setup == "server, form 2" {
					o.Format = Format2
				}
			})
			a.whole()
			for _, room := range rooms(20) {
				a.publish(tick("A", room, 1, 1), tick("A", room, 2, 2))
			}
			if got := stored(lastKey("ROOM_0")).CLI("EXISTS", lastKey("ROOM_0")); got != "0" {
				t.Errorf("the value is stored before its time")
			}
			a.publish()
			a.publish()
			for _, room := range rooms(20) {
				if got, want := stored(lastKey(room)).CLI("GET", lastKey(room)), `{"version":"0000000000000002-A","seq":2,"event":{"price":2}}`; got != want {
					t.Errorf("%s: stored is %s, want %s", room, got, want)
				}
			}
			if st := a.stats(); st.Published != 40 {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}

// An instance that stops tells what it could not store.
func TestWhatAStopCannotStoreIsTold(t *testing.T) {
	noLeak(t)
	c := redistest.StartCluster(t)
	a := start(t, "A", "redis+cluster://"+c.Addrs(), never)
	a.whole()
	c.Begin(lastKey("X"))
	a.publish(tick("A", "X", 1, 1))
	a.publish()
	a.logged("has not stored some last prices")
}

// A value that is stored later replaces no newer one, and its instance learns the newer clock.
func TestWhatIsStoredLaterReplacesNothingNewer(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL(), never), start(t, "B", s.URL())
	a.linked()
	b.linked()
	newer := tick("B", "X", 5000, 1)
	b.publish(newer)
	a.hearsNothingBut(newer)
	a.publish(tick("A", "X", 4000, 2))
	a.publish(tick("A", "Y", 4001, 3))
	a.publish()
	a.publish()
	for receive(t, a.clocks, "the newer clock") != 5000 {
	}
	if got := s.CLI("GET", lastKey("X")); !strings.Contains(got, newer.Version.String()) {
		t.Errorf("stored is %s, want %v", got, newer.Version)
	}
	if got := s.CLI("EXISTS", lastKey("Y")); got != "1" {
		t.Error("the value of another room is not stored")
	}
	for _, room := range []string{"X", "Y"} { // heard once, at once
		if got := b.hears(); got.Room != room {
			t.Errorf("heard %+v, want that of %s", got, room)
		}
	}
	end := chat("X", "end")
	a.publish(end)
	b.hearsNothingBut(end)
	a.publish() // taken once the call before is counted
	if st := a.stats(); st.Published != 3 || st.Refused != 0 {
		t.Errorf("A's stats: %+v", st)
	}
}

// Redis may have got a value, without publishing it, after somebody read an older one: what is
// offered is published, whatever Redis has.
func TestAnOfferIsPublishedThoughRedisHasIt(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL(), never), start(t, "B", s.URL())
	a.linked()
	b.linked()
	x := tick("A", "X", 2, 2)
	a.publish(x)
	a.publish()
	a.publish()
	if got := s.CLI("GET", lastKey("X")); !strings.Contains(got, x.Version.String()) {
		t.Fatalf("stored is %s, want %v", got, x.Version)
	}
	a.publish(recovered(x))
	for _, kind := range []hub.Kind{hub.State, hub.Recovered} {
		if got := b.hears(); got.Version != x.Version || got.Kind != kind {
			t.Errorf("heard %+v, want kind %d of %v", got, kind, x.Version)
		}
	}
	a.publish()
	a.publish()
	if left := pttl(t, s, lastKey("X")); left > 30*time.Second {
		t.Errorf("%v left to live of 30 s", left)
	}
}

// What waits to be stored is bounded.
func TestManyValuesAreStoredBeforeTheirTime(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL(), never)
	a.linked()
	for i, room := range rooms(9) {
		e := tick("A", room, 1, 1)
		e.Payload = fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", maxUnstored/8))
		a.publish(e)
		if i == 6 {
			a.publish(chat("X", "taken once that is published"))
			if got := s.CLI("DBSIZE"); got != "0" {
				t.Errorf("%s values stored before their time", got)
			}
		}
	}
	a.publish(chat("X", "taken once that is stored"))
	if got := s.CLI("DBSIZE"); got == "0" {
		t.Error("no value is stored")
	}
}
