package transport

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/protocol"
)

// A consumer gets stamps in the rooms that it joined with them, and nowhere else.
func TestStampsAreForTheJoinThatAskedForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its time begins at 946684800000 ms
		i := onPipes(t, settings{})
		c, other := i.consumer(), i.consumer()
		c.send(`{"type":"join","room":"A","stamp":true}`)
		c.hears(`{"type":"joined","room":"A"}`)
		c.join("B")
		other.join("A")
		producer := i.ingestor()
		producer.send(price("A", "1.10"))
		c.hears(`{"type":"price_update","instrument":"A","price":1.10,"ts":1,"epoch":"test.0","seq":1,"at":946684800000}`)
		other.hears(price("A", "1.10"))
		elapse(1500 * time.Millisecond)
		producer.send(price("A", "1.20"), price("B", "2"))
		c.hears(`{"type":"price_update","instrument":"A","price":1.20,"ts":1,"epoch":"test.0","seq":2,"at":946684801500}`, price("B", "2"))
		other.hears(price("A", "1.20"))
		c.send(say("A", "hello"))
		c.hears(say("A", "hello"))
		other.hears(say("A", "hello"))

		elapse(2 * time.Second)
		late := i.consumer()
		late.send(`{"type":"join","rooms":["A","NEW"],"stamp":true,"mark_empty":true}`)
		late.hears(`{"type":"joined","rooms":["A","NEW"]}`,
			`{"type":"price_update","instrument":"A","price":1.20,"ts":1,"epoch":"test.0","seq":2,"at":946684801500,"age_ms":2000,"snapshot":true}`,
			`{"type":"no_snapshot","room":"NEW"}`)

		c.send(`{"type":"join","room":"A"}`, `{"type":"join","room":"B","stamp":true}`) // the first says nothing of stamps
		c.hears(`{"type":"joined","room":"A"}`, `{"type":"joined","room":"B"}`)
		producer.send(price("A", "1.30"), price("B", "3"))
		c.hears(`{"type":"price_update","instrument":"A","price":1.30,"ts":1,"epoch":"test.0","seq":3,"at":946684803500}`,
			`{"type":"price_update","instrument":"B","price":3,"ts":1,"epoch":"test.0","seq":2,"at":946684803500}`)
		c.send(`{"type":"join","rooms":["B"],"stamp":false}`)
		c.hears(`{"type":"joined","rooms":["B"]}`)
		producer.send(price("B", "4"))
		c.hears(price("B", "4"))
		c.send(`{"type":"leave","room":"A"}`, `{"type":"join","room":"A"}`)
		c.hears(`{"type":"left","room":"A"}`, `{"type":"joined","room":"A"}`, protocol.MarkSnapshot(price("A", "1.30")))
		c.send(`{"type":"join","room":"A","stamp":1}`)
		if _, text, err := c.next(); err != nil || !strings.Contains(text, `"message":"stamp: must be`) {
			t.Errorf("stamp 1 is answered with %s, %v", text, err)
		}
	})
}

func TestTheAgeOfASnapshot(t *testing.T) {
	now := moment.Time{Steady: 3 * time.Millisecond, UnixMS: 1_700_000_000_000}
	for name, c := range map[string]struct {
		at, born, transit int64 // milliseconds; the first two are before now
		want              int64
	}{
		"taken in here":                       {5, 5, 0, 5},
		"longer under way than was counted":   {9, 5, 4, 9},
		"by a clock that is ahead":            {-3_600_000, 5, 0, 5},
		"before this clock was set forward":   {3_600_000, 5, 0, 5},
		"just now, by a clock a bit ahead":    {-1, -1, 0, 0},
		"elsewhere, and then a step forward":  {3_600_009, 5, 4, 9},
		"before this program started, by far": {50_000, 50_000, 0, 50_000},
	} {
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		e := hub.BroadcastEvent{At: now.UnixMS - c.at, Born: now.Steady - ms(c.born), Transit: ms(c.transit)}
		if got := ageMS(&e, now); got != c.want {
			t.Errorf("%s: %d ms, want %d", name, got, c.want)
		}
	}
}

// An instance of an older build sends prices without stamps.
func TestAPriceWithoutAStampIsFramedAsItIs(t *testing.T) {
	e := hub.BroadcastEvent{Kind: hub.State, Payload: price("A", "1"), Seq: 7, Version: hub.Version{Clock: 1, Instance: "old"}}
	if got, want := string(FrameStamped(nil, &e)), string(Frame(nil, e.Payload)); got != want {
		t.Errorf("framed as %q, want %q", got, want)
	}
	e.At = 1
	e.Payload = price("A", strings.Repeat("1", 1000))
	got := FrameStamped([]byte("before"), &e)
	if want := Frame([]byte("before"), string(protocol.AppendStamped(nil, e.Payload, protocol.Stamp{Epoch: "old.0", Seq: 7, At: 1}))); string(got) != string(want) {
		t.Errorf("a long one is framed as %q", got)
	}
}
