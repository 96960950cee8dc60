package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

var someTime = moment.Time{Steady: 3 * time.Second, UnixMS: 1_700_000_000_000}

func genEvent() *rapid.Generator[hub.BroadcastEvent] {
	return rapid.Custom(func(t *rapid.T) hub.BroadcastEvent {
		e := hub.BroadcastEvent{
			Room:    rapid.StringMatching(`[A-C][a-c]?`).Draw(t, "room"),
			Type:    rapid.SampledFrom([]string{"price", "book"}).Draw(t, "type"),
			Kind:    rapid.SampledFrom([]hub.Kind{hub.State, hub.Message, hub.Recovered, hub.Resync}).Draw(t, "kind"),
			Payload: fmt.Sprintf(`{"n":%d,"pad":%q}`, rapid.Int().Draw(t, "n"), strings.Repeat("x", rapid.IntRange(0, 100<<10).Draw(t, "pad"))),
			Seq:     rapid.Uint64().Draw(t, "seq"),
			Born:    someTime.Steady - time.Duration(rapid.Int64Range(-int64(time.Second), int64(time.Minute)).Draw(t, "age")),
		}
		if e.Seq > 0 {
			e.At = rapid.Int64Min(0).Draw(t, "at")
			e.Life = rapid.Uint32().Draw(t, "life")
		}
		if e.Kind != hub.Message {
			e.Version = hub.Version{Clock: rapid.Uint64Range(0, wire.MaxClock).Draw(t, "clock"), Instance: rapid.StringMatching(`[A-Za-z0-9_.-]{1,64}`).Draw(t, "origin")}
		}
		return e
	})
}

// What is too much for one message shares round trips in form 2 as in form 1, unless it is of one
// partition.
func TestABacklogSharesRoundTrips(t *testing.T) {
	const events = 5 * maxCallEvents
	var backlog []hub.BroadcastEvent
	for i := range events {
		backlog = append(backlog, tick("A", fmt.Sprintf("R%d", i%500), uint64(i+1), i))
	}
	for _, whole := range []bool{false, true} {
		trips := roundTrips(bundler{whole: whole}.bundles(slices.Clone(backlog)), true)
		bytes, least := bytesOf(backlog), events/maxCallEvents
		if most := bytes/maxRoundTripBytes + 1; len(trips) > most {
			t.Errorf("whole %t: %d round trips for %d bytes, want %d", whole, len(trips), bytes, most)
		}
		calls := 0
		for _, trip := range trips {
			calls += len(trip)
		}
		if calls < least || calls > 2*least {
			t.Errorf("whole %t: %d calls for %d events", whole, calls, events)
		}
	}
	for i := range backlog {
		backlog[i].Room = "R"
	}
	if trips := roundTrips((bundler{whole: true}).bundles(backlog), true); len(trips) != events/maxCallEvents {
		t.Errorf("%d round trips for %d events of one room", len(trips), events)
	}
}

func TestWhatIsSentIsHeardInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.SliceOfN(genEvent(), 0, 40).Draw(t, "batch")
		now := someTime
		names := wire.Names{Prefix: "p:"}
		form := rapid.SampledFrom([]wire.Form{wire.Form1, wire.Form2}).Draw(t, "form")
		together := rapid.Bool().Draw(t, "together")
		to := bundler{names: names, ttl: 30 * time.Second, whole: together && form == wire.Form2}
		with := &composer{names: names, instance: "me", ttl: 30 * time.Second, form: form}
		all := roundTrips(to.bundles(slices.Clone(batch)), together)
		var heard [partition.Count][]hub.BroadcastEvent
		for _, trip := range all {
			seen, bytes := partition.Set(0), 0
			for _, b := range slices.Concat(trip...) {
				if seen&b.partitions != 0 {
					t.Fatal("a partition twice in one round trip")
				}
				seen |= b.partitions
				bytes += b.bytes
				message := with.only(&b, now.Steady)
				if len(b.events) > 1 && b.bytes > maxCallBytes || len(message) > b.bytes+50*len(b.events)+50 {
					t.Fatalf("a bundle of %d bytes, a message of %d", b.bytes, len(message))
				}
				channel := names.AllEvents()
				if !to.whole {
					channel = names.Events(b.partitions.First())
				}
				if b.channel != channel {
					t.Fatalf("channel %s, want %s", b.channel, channel)
				}
				events, bad, err := new(wire.Reader).Decode(nil, message, b.partitions, now, nil)
				if err != nil || bad > 0 || len(events) != len(b.events) {
					t.Fatalf("%d events, %d bad, %v: %.200s", len(events), bad, err, message)
				}
				for _, e := range events {
					p := partition.Of(e.Room)
					heard[p] = append(heard[p], e)
				}
				sameMessage(t, with, call{b}, now.Steady, message)
			}
			if seen.Len() > 1 && len(slices.Concat(trip...)) > 1 && bytes > maxRoundTripBytes {
				t.Fatalf("a round trip of %d bytes", bytes)
			}
			for _, c := range trip {
				if !together && len(c) > 1 {
					t.Fatalf("a call for %d partitions where it may be for one", len(c))
				}
				if len(c) > 1 && (c.bytes() > maxCallBytes || c.events() > maxCallEvents) {
					t.Fatalf("a call with %d bytes and %d events", c.bytes(), c.events())
				}
			}
		}
		sent := 0
		for _, trip := range all {
			sent += trip.events()
		}
		if sent != len(batch) {
			t.Fatalf("%d events sent of %d", sent, len(batch))
		}
		for _, want := range batch {
			p := partition.Of(want.Room)
			if len(heard[p]) == 0 {
				t.Fatalf("%+v was not heard", want)
			}
			got := heard[p][0]
			heard[p] = heard[p][1:]
			if younger := got.Born - min(want.Born, now.Steady); younger > 0 || younger < -time.Millisecond {
				t.Fatalf("born %d ns later than ingested", younger)
			}
			if want.Kind == hub.Message {
				want.Version.Instance = "me"
			}
			if transit := max(0, min(now.UnixMS-want.At, 1e12)-now.Since(got.Born).Milliseconds()); want.At != 0 && got.Transit.Milliseconds() != transit {
				t.Fatalf("%v longer under way than its age tells, want %d ms", got.Transit, transit)
			}
			want.Born, want.Transit = got.Born, got.Transit
			if got != want {
				t.Fatalf("heard %+v, want %+v", got, want)
			}
		}
	})
}

// sameMessage checks that both scripts are given the message of a bundle.
func sameMessage(t *rapid.T, with *composer, of call, now time.Duration, message string) {
	if _, args, ok := with.fast(of, now); ok && args[3] != message {
		t.Fatalf("fastScript publishes %.200s\nwant %.200s", args[3], message)
	}
	_, args := with.full(of, now)
	pieces := []string{args[1]}
	for a := 6; a < len(args); a += 6 {
		pieces = append(pieces, args[a+3], args[a+4], args[2])
	}
	pieces[len(pieces)-1] = args[3]
	if got := strings.Join(pieces, ""); got != message {
		t.Fatalf("fullScript publishes %.200s\nwant %.200s", got, message)
	}
}

func TestOneRoundTripHoldsAPartitionOnceAndSoManyBytes(t *testing.T) {
	of := func(p, bytes, events int) bundle {
		return bundle{partitions: partition.Only(p), bytes: bytes, events: make([]hub.BroadcastEvent, events)}
	}
	for _, c := range []struct {
		together bool
		bundles  []bundle
		want     string // partitions of calls, of round trips
	}{
		{false, []bundle{
			of(1, 10, 0), of(2, 10, 0), of(1, 10, 0), of(2, maxRoundTripBytes, 0), of(3, 2*maxRoundTripBytes, 0), of(4, 1, 0),
		}, "[[1][2]] [[1]] [[2]] [[3]] [[4]]"},
		{true, []bundle{
			of(1, 10, 0), of(2, 10, 0), of(1, 10, 0), of(2, maxCallBytes, 0), of(3, maxCallBytes/2, 0), of(4, 1, 0),
			of(5, 1, maxCallEvents-1), of(6, 1, 1), of(7, 1, 1), of(8, maxRoundTripBytes, 0),
		}, "[[1 2]] [[1][2][3 4 5 6][7]] [[8]]"},
	} {
		var got []string
		for _, trip := range roundTrips(c.bundles, c.together) {
			text := ""
			for _, call := range trip {
				var partitions []int
				for _, p := range call {
					partitions = append(partitions, p.partitions.First())
				}
				text += fmt.Sprint(partitions)
			}
			got = append(got, "["+text+"]")
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("together %v: round trips %s, want %s", c.together, got, c.want)
		}
	}
}

func TestAComposerForgetsWhatItHasSent(t *testing.T) {
	c := composer{ttl: time.Minute}
	for n := 3; n > 0; n-- {
		var events []hub.BroadcastEvent
		for i := range n {
			events = append(events, tick("A", fmt.Sprint(i), 1, 1))
		}
		of := call{{events: events}}
		c.fast(of, events[0].Born)
		c.full(of, events[0].Born)
		c.full(of[:0], events[0].Born)
	}
	c.forget()
	held := func(v value) bool { return v.newest != nil }
	if len(c.index) > 0 || slices.ContainsFunc(c.values[:cap(c.values)], held) || strings.Join(c.cut[:cap(c.cut)], "") != "" {
		t.Errorf("holds %v, %v, %q", c.index, c.values[:cap(c.values)], c.cut[:cap(c.cut)])
	}
}

func TestLifetimesNeverGrow(t *testing.T) {
	const ttl = 30 * time.Second
	now := moment.Now()
	to := composer{names: wire.Names{Prefix: "p:"}, instance: "me", ttl: ttl}
	for age, want := range map[time.Duration]string{
		0: "30000", time.Microsecond: "29999", 10 * time.Second: "20000",
		ttl: "0", time.Hour: "0", -time.Hour: "30000",
	} {
		e := tick("A", "R", 1, 1)
		e.Born = now.Steady - age
		of := call{{channel: "c", events: []hub.BroadcastEvent{e}}}
		_, args, ok := to.fast(of, now.Steady)
		if ok != (want != "0") || ok && args[5] != want {
			t.Errorf("age %v: %q for fastScript, want %s ms left", age, args, want)
		}
		if _, args = to.full(of, now.Steady); args[8] != want {
			t.Errorf("age %v: %s ms left for fullScript, want %s", age, args[8], want)
		}
	}
}

// What waited for longer than it lives is no tick any more, and only the newest counts.
func TestWhatWaitedTooLongIsNoTick(t *testing.T) {
	const ttl = 30 * time.Second
	now := moment.Now().Steady
	aged := func(e hub.BroadcastEvent, age time.Duration) hub.BroadcastEvent {
		e.Born = now - age
		return e
	}
	book := tick("A", "X", 1, 5)
	book.Type = "book"
	events := []hub.BroadcastEvent{
		aged(tick("A", "X", 1, 1), time.Minute), aged(tick("A", "X", 2, 2), ttl), aged(book, ttl), aged(chat("X", "old"), time.Hour),
		aged(tick("A", "Y", 3, 3), ttl), aged(tick("A", "Y", 4, 4), ttl-1), aged(recovered(tick("B", "Z", 5, 5)), time.Hour),
	}
	for _, c := range []struct {
		ttl     time.Duration
		want    string
		leftOut int
	}{
		{ttl, `recovered {"price":2} recovered {"price":5} message {"text":"old"} state {"price":4} recovered {"price":5}`, 2},
		{2 * time.Hour, `state {"price":1} state {"price":2} state {"price":5} message {"text":"old"} state {"price":3} state {"price":4} recovered {"price":5}`, 0},
		{0, `state {"price":1} state {"price":2} state {"price":5} message {"text":"old"} state {"price":3} state {"price":4} recovered {"price":5}`, 0},
	} {
		kept, leftOut := bundler{ttl: c.ttl}.late(slices.Clone(events), now)
		var got []string
		for _, e := range kept {
			got = append(got, map[hub.Kind]string{hub.State: "state", hub.Message: "message", hub.Recovered: "recovered"}[e.Kind]+" "+e.Payload)
		}
		if got := strings.Join(got, " "); got != c.want || leftOut != c.leftOut {
			t.Errorf("TTL %v: %s, %d left out, want %s, %d", c.ttl, got, leftOut, c.want, c.leftOut)
		}
	}
}

// A producer's data is passed on unread, and JSON allows a key twice.
func TestAKeyTwiceInAPayloadIsHeard(t *testing.T) {
	const payload = `{"type":"price_update","data":{"a":1,"a":[{"b":1,"b":2}]}}`
	e := tick("A", "R", 1, 1)
	e.Payload = payload
	of := bundle{events: []hub.BroadcastEvent{e, tick("A", "R", 2, 2)}}
	message := (&composer{instance: "me"}).only(&of, someTime.Steady)
	heard, bad, err := new(wire.Reader).Decode(nil, message, partition.Only(partition.Of("R")), someTime, nil)
	if err != nil || bad > 0 || len(heard) != 2 || heard[0].Payload != payload {
		t.Errorf("heard %+v, %d bad, %v", heard, bad, err)
	}
}

func TestPeersAreForgottenAndBounded(t *testing.T) {
	p := peers{}
	now := time.Now()
	p.heard("A", now)
	p.heard("B", now.Add(2*time.Second))
	if got := p.live(now.Add(4*time.Second), 3*time.Second); got != 1 {
		t.Errorf("%d peers, want 1", got)
	}
	p.excuse(now.Add(time.Minute))
	if got := p.live(now.Add(time.Minute), 3*time.Second); got != 1 {
		t.Errorf("%d peers after a freeze, want 1", got)
	}
	for i := range 2 * maxPeers {
		p.heard(fmt.Sprint(i), now)
	}
	if len(p) != maxPeers {
		t.Errorf("%d peers, want %d", len(p), maxPeers)
	}
}

func TestBadOptionsAreOneLineWithoutThePassword(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"URL":      {func(o *Options) { o.URL = "redis://:secret@h/x" }, "the URL names the database"},
		"instance": {func(o *Options) { o.Instance = `a"b` }, "instance id"},
		"prefix":   {func(o *Options) { o.Prefix = "a{b}" }, "prefix"},
		"TTL":      {func(o *Options) { o.TTL = -1 }, "TTL"},
		"no sink":  {func(o *Options) { o.Sink = nil }, "sink"},
	} {
		_, o := newInstance(t, "A")
		o.URL = "redis://h"
		c.change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, c.want)
		}
	}
}

func TestEveryDropReasonHasItsName(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range DropReasons() {
		seen[r.String()] = true
	}
	if len(seen) != int(dropReasons) || seen["unknown"] {
		t.Errorf("names %v of %d reasons", seen, dropReasons)
	}
}
