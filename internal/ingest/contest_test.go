package ingest

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
)

const contestLine = "two producers publish one instrument"

// by has a producer publish prices of instruments.
func (b *box) by(producer string, instruments ...string) {
	b.t.Helper()
	var events []hub.BroadcastEvent
	for _, i := range instruments {
		events = append(events, prices(i, "1")...)
	}
	if _, rejected := b.publish(producer, events, b.now); len(rejected) > 0 {
		b.t.Fatalf("%v of %v are rejected", rejected, instruments)
	}
}

// elsewhere has another instance publish a price that is newer than all here.
func (b *box) elsewhere(instance, instrument string) {
	b.take(hub.BroadcastEvent{Room: instrument, Payload: "1", Born: b.now.Steady, Version: hub.Version{Clock: b.clock.next(b.now), Instance: instance}})
}

// lines are those about contests.
func (b *box) lines() (lines []string) {
	for line := range strings.Lines(b.log.String()) {
		if strings.Contains(line, contestLine) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestContestedInstrumentsAreToldOnceAMinute(t *testing.T) {
	b := newBox(t, true)
	for range 59 { // a minute less a second, of turns
		b.by("feed-1", "A", "B", "C")
		b.by("feed-1", "mine")
		b.by("feed-2", "A", "B")
		b.by("feed-2", "yours")
		b.wait(time.Second)
	}
	lines := b.lines()
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "instrument=A producer=feed-1 other=feed-2 instruments=2") {
		t.Fatalf("after a minute of turns the log has %q; want one line about A and 2 instruments", lines)
	}
	for range 3 {
		b.by("feed-3", "C")
		b.by("feed-1", "C")
		b.wait(takeover)
	}
	b.by("feed-1", "A", "B", "mine")
	if lines = b.lines(); len(lines) != 2 || !strings.HasSuffix(lines[1], "instruments=3") {
		t.Fatalf("after another minute the log has %q; want a second line, about 3 instruments", lines)
	}
	for range 300 { // feed-2 is stopped
		b.wait(time.Second)
		b.by("feed-1", "A", "B", "C")
	}
	if lines = b.lines(); len(lines) != 2 {
		t.Errorf("long after the last turn the log has %q", lines)
	}
}

func TestTurnsWithAnotherInstanceAreToldToo(t *testing.T) {
	for name, first := range map[string]func(b *box){
		"this one holds it":    func(b *box) { b.by("feed", "A") },
		"the other one has it": func(b *box) { b.elsewhere("far", "A") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, true)
			first(b)
			for range 4 {
				b.wait(time.Second)
				b.elsewhere("far", "A")
				b.wait(time.Second)
				b.by("feed", "A")
			}
			if lines := b.lines(); len(lines) != 1 || !strings.HasSuffix(lines[0], "instrument=A producer=feed other_instance=far instruments=1") {
				t.Errorf("the log has %q", lines)
			}
		})
	}
}

// connected has a new connection of a producer, which by takes by the name of both.
func (b *box) connected(connection, key, address string) {
	if b.producers == nil {
		b.producers = map[string]*producer{}
	}
	b.producers[connection] = &producer{name: key, address: address}
}

func TestTwoConnectionsWithOneKeyAreToldToo(t *testing.T) {
	b := newBox(t, true)
	b.connected("one", "feed", "10.0.0.1:40001")
	b.connected("two", "feed", "10.0.0.2:40002")
	for range 3 {
		b.by("one", "A")
		b.by("two", "A")
		b.wait(time.Second)
	}
	want := "instrument=A producer=feed address=10.0.0.1:40001 other=feed other_address=10.0.0.2:40002 instruments=1"
	if lines := b.lines(); len(lines) != 1 || !strings.HasSuffix(lines[0], want) {
		t.Errorf("the log has %q, want %q", lines, want)
	}
}

// Feeds of one exchange hear of a trade in the same order each time.
func TestManyConnectionsThatTakeTurnsAreTold(t *testing.T) {
	b := newBox(t, true)
	for range 10 {
		for _, p := range []string{"1", "2", "3", "4"} {
			b.by(p, "A")
		}
		b.wait(time.Second)
	}
	if lines := b.lines(); len(lines) != 1 {
		t.Errorf("the log has %q", lines)
	}
}

// A connection that ended does not hide those that take turns later.
func TestTurnsAfterAReconnectAreTold(t *testing.T) {
	b := newBox(t, true)
	b.by("gone", "A")
	for range 90 {
		b.by("one", "A")
		b.by("two", "A")
		b.wait(time.Second)
	}
	if lines := b.lines(); len(lines) != 1 || !strings.Contains(lines[0], "producer=one other=two") {
		t.Errorf("the log has %q", lines)
	}
}

// Who comes back under another name or at another instance, and who publishes seldom, is no rival.
func TestWhoTakesOverContestsNothing(t *testing.T) {
	for name, run := range map[string]func(b *box){
		"another name each second": func(b *box) {
			for i := range 100 {
				b.by("10.0.0.1:"+string(rune('a'+i%26))+string(rune('a'+i/26)), "A")
				b.wait(time.Second)
			}
		},
		"another connection with one key, whose old one had something on its way": func(b *box) {
			b.connected("old", "feed", "")
			b.connected("new", "feed", "")
			for range 60 {
				b.by("old", "A")
				b.wait(time.Second)
			}
			b.by("new", "A")
			for range 9 { // what the network still had comes between
				b.by("old", "A")
				b.by("new", "A")
				b.wait(takeover / 10)
			}
			for range 60 {
				b.by("new", "A")
				b.wait(time.Second)
			}
		},
		"a connection that is made anew again and again, each with something on its way": func(b *box) {
			for i := range 10 {
				old, young := string(rune('a'+i)), string(rune('b'+i))
				b.connected(young, "feed", "")
				for range 100 {
					b.by(old, "A")
					b.wait(time.Second)
				}
				b.by(young, "A")
				b.by(old, "A")
				b.by(young, "A")
				b.by(old, "A")
			}
		},
		"one that had turns once, long ago": func(b *box) {
			b.by("old", "A")
			b.by("another", "A")
			for range 100 {
				b.by("old", "A")
				b.wait(time.Second)
			}
			b.by("new", "A")
			b.by("old", "A") // was on its way
			b.by("new", "A")
		},
		"from here to there, and something on its way here": func(b *box) {
			b.by("feed", "A")
			b.elsewhere("far", "A")
			b.by("feed", "A")
			b.elsewhere("far", "A")
			b.wait(takeover / 2)
			b.by("feed", "A")
			for range 100 {
				b.wait(time.Second)
				b.elsewhere("far", "A")
			}
		},
		"from here to there": func(b *box) {
			b.by("feed", "A")
			for range 100 {
				b.wait(time.Second)
				b.elsewhere("far", "A")
			}
		},
		"from there to here": func(b *box) {
			b.elsewhere("far", "A")
			for range 100 {
				b.wait(time.Second)
				b.by("feed", "A")
			}
		},
		"seldom": func(b *box) {
			for range 10 {
				b.by("feed-1", "A")
				b.wait(testTTL)
				b.by("feed-2", "A")
				b.wait(testTTL)
			}
		},
		"a rival of long ago": func(b *box) {
			b.by("feed-1", "A")
			b.by("feed-2", "A")
			b.wait(testTTL)
			b.by("feed-1", "A")
		},
		"a rival of long ago, and from there to here": func(b *box) {
			b.by("feed-1", "A")
			b.by("feed-2", "A")
			b.wait(testTTL)
			b.elsewhere("far", "A")
			b.by("feed-2", "A")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, true)
			run(b)
			if lines := b.lines(); len(lines) > 0 {
				t.Errorf("the log has %q", lines)
			}
		})
	}
}
