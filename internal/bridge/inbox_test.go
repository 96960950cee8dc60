package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"backbone/internal/backlog"
	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// messages are the Redis messages in which another instance publishes events.
func messages(events ...hub.BroadcastEvent) (out []incoming) {
	names := wire.Names{Prefix: "p:"}
	with := composer{names: names, instance: "other", ttl: time.Minute}
	for _, b := range (bundler{names: names}).bundles(events) {
		out = append(out, incoming{channel: b.channel, of: b.partitions, message: with.only(&b, moment.Now().Steady)})
	}
	return out
}

// A value that is dropped may be the last one of its room. So the values of Redis and of other
// instances must be requested, as in a new session.
func TestWhatTheInboxDroppedBeginsAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, _ := newInstance(t, "me")
		slow := slowSink{sink, make(chan struct{})}
		count, ended := new(counters), make(chan struct{})
		b := newInbox(Options{InboxBytes: 1000}, count, &garbage{count: count, log: slog.New(slog.DiscardHandler)})
		go b.run(ended)
		go b.deliver(t.Context(), slow)

		var events []hub.BroadcastEvent
		missing := map[string]bool{}
		for _, room := range rooms(200) {
			events = append(events, tick("other", room, 1, 1))
			missing[room] = true
		}
		for _, m := range messages(events...) {
			b.take(m)
			synctest.Wait()
		}
		close(slow.let)
		synctest.Wait()
		for len(sink.remote) > 0 {
			delete(missing, (<-sink.remote).Room)
		}
		lost := partition.Set(0)
		for room := range missing {
			lost |= partition.Only(partition.Of(room))
		}
		if got := count.drops[DropInboxFull].Load(); got == 0 || got != uint64(len(missing)) {
			t.Errorf("%d counted as dropped, %d are missing", got, len(missing))
		}
		if len(sink.generations) != 1 {
			t.Fatalf("%d generations, want 1", len(sink.generations))
		}
		if got := <-sink.generations; got != lost {
			t.Errorf("generation of %x, want the partitions of what is missing, %x", got, lost)
		}
		close(ended)
	})
}

func TestWhatTheInboxHasAtTheEndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count, ended := new(counters), make(chan struct{})
		b := newInbox(Options{InboxBytes: 1 << 20}, count, &garbage{count: count, log: slog.New(slog.DiscardHandler)})
		all := messages(chat("A", "1"), chat("A", "2"))
		for _, m := range all {
			b.take(m) // lies in the channel
		}
		close(ended)
		b.run(ended)
		if got := count.drops[DropClosing].Load(); got != 2 {
			t.Errorf("%d counted at the end, want 2", got)
		}
		for range inboxPlaces + 1 {
			b.take(all[0]) // a reader that is late waits for nobody
		}
		if got, want := count.drops[DropClosing].Load(), uint64(2+2*(inboxPlaces+1)); got != want {
			t.Errorf("%d counted behind the end, want %d", got, want)
		}
	})
}

func TestWhatTheSinkDidNotTakeIsNotReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, _ := newInstance(t, "me")
		count := new(counters)
		b := newInbox(Options{InboxBytes: 1 << 20}, count, &garbage{count: count, log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		ended, done := make(chan struct{}), make(chan struct{})
		go b.run(ended)
		go func() { b.deliver(ctx, slowSink{sink, make(chan struct{})}); close(done) }()
		for _, m := range messages(tick("other", "A", 1, 1)) {
			b.take(m)
		}
		synctest.Wait()
		cancel()
		<-done
		close(ended)
		if received, lost := count.received.Load(), count.drops[DropClosing].Load(); received != 0 || lost != 1 {
			t.Errorf("%d received and %d lost at the end, want 0 and 1", received, lost)
		}
	})
}

// JSON costs enough without a second copy of each room and payload.
func TestEventsThatAreNoPartsOfTheirMessageAreNotCopied(t *testing.T) {
	count := new(counters)
	b := newInbox(Options{InboxBytes: 1 << 20}, count, &garbage{count: count, log: slog.New(slog.DiscardHandler)})
	e := tick("other", "A", 1, 1)
	message := messages(e)[0].message
	if len(message) <= len(e.Payload)+backlog.Overhead {
		t.Fatalf("a message of %d bytes is no longer than what its event counts for", len(message))
	}
	events := make([]hub.BroadcastEvent, 0, 1)
	decode := testing.AllocsPerRun(100, func() {
		_, _, _ = new(wire.Reader).Decode(events, message, partition.All, moment.Now(), nil)
	})
	parse := testing.AllocsPerRun(100, func() {
		b.parse(new(wire.Reader), events, incoming{of: partition.All, message: message})
	})
	if parse > decode {
		t.Errorf("%v allocations to parse a message of form 1, %v to decode it: its events are copied", parse, decode)
	}
}

// Whoever reaches Redis can hide an event in a long message, which the event must not keep.
func TestALongMessageIsNotKeptForAFewEvents(t *testing.T) {
	count := new(counters)
	b := newInbox(Options{InboxBytes: 1 << 20}, count, &garbage{count: count, log: slog.New(slog.DiscardHandler)})
	e := tick("other", "A", 1, 1)
	record := wire.AppendEvent([]byte(wire.EnvelopeHead2("other")), &e, "other", moment.Now().Steady)
	junk := strings.Repeat("x", 1000)
	junk = fmt.Sprintf("%07d %s\n", len(junk)+1, junk)
	for message, kept := range map[string]bool{string(record): true, string(record) + junk: false} {
		events := b.parse(new(wire.Reader), nil, incoming{of: partition.All, message: message})
		if len(events) != 1 || events[0].Payload != e.Payload {
			t.Fatalf("parsed %+v", events)
		}
		at, begin := uintptr(unsafe.Pointer(unsafe.StringData(events[0].Payload))), uintptr(unsafe.Pointer(unsafe.StringData(message)))
		if got := begin <= at && at < begin+uintptr(len(message)); got != kept {
			t.Errorf("an event of a message of %d bytes keeps it: %t, want %t", len(message), got, kept)
		}
	}
	if got := count.drops[DropGarbage].Load(); got != 1 {
		t.Errorf("%d counted as garbage, want 1", got)
	}
	if got := emptied(make([]hub.BroadcastEvent, 5)); len(got) != 0 || cap(got) != 5 || got[:1][0] != (hub.BroadcastEvent{}) {
		t.Errorf("emptied %+v", got)
	}
	if got := emptied(make([]hub.BroadcastEvent, parsedPlaces+1)); got != nil {
		t.Errorf("places for %d events are kept", cap(got))
	}
}
