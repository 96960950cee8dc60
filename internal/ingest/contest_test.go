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
	b.by("feed-3", "C")
	b.by("feed-1", "C")
	b.by("feed-3", "C")
	b.wait(2 * time.Second)
	b.by("feed-1", "mine")
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
			for range 3 {
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

// Who comes back under another name or at another instance, and who publishes seldom, is no rival.
func TestWhoTakesOverContestsNothing(t *testing.T) {
	for name, run := range map[string]func(b *box){
		"another name each second": func(b *box) {
			for i := range 100 {
				b.by("10.0.0.1:"+string(rune('a'+i%26))+string(rune('a'+i/26)), "A")
				b.wait(time.Second)
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
