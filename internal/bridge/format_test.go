package bridge

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// oldBeat is a heartbeat of a build that reads form 1 alone.
func oldBeat(instance string) string {
	text, _, _ := strings.Cut(wire.Beat(instance, 1, 1), `,"reads"`)
	return text + "}"
}

// The watch asks each second.
func TestForm2IsWrittenOnceAllReadIt(t *testing.T) {
	const beat = time.Second
	for _, tt := range []struct {
		name   string
		format Format
		steps  string // o: an old instance is heard, n: a new one, .: a second passes, 1 or 2: is written now, <: and what was written before is owed to an old one, s: stood still
	}{
		{"alone", FormatAuto, "1...1.2"},
		{"with new ones", FormatAuto, "n.n.n.1n.2n.2"},
		{"with an old one", FormatAuto, "no<.no.no.no.no.1n.n.1n.2"},
		{"an old one comes", FormatAuto, "....2o1<.1" + strings.Repeat(".", 59) + "1.2o1<"},
		{"an old one comes and stays", FormatAuto, "....2o<1." + strings.Repeat("o1.", 100) + strings.Repeat(".", 59) + "1.2"},
		{"it stood still while an old one was there", FormatAuto, "o<...s1...1.2"},
		{"it stood still while none was there", FormatAuto, "....2s2.2"},
		{"always 1", Format1, "n.n.n.n.n.1o1....1"},
		{"always 2", Format2, "2o2.2o.2"},
	} {
		now := time.Now()
		c := newFormChoice(&Options{Format: tt.format, Heartbeat: beat, Logger: slog.New(slog.DiscardHandler)}, now)
		for i, s := range tt.steps {
			went := len(c.back) == 1
			switch s {
			case 'o', 'n':
				c.heard("other", map[rune]wire.Form{'o': 1, 'n': 2}[s], now)
			case '.':
				now = now.Add(beat)
				c.tick(now)
			case 's':
				now = now.Add(time.Minute)
				c.excuse(now)
			case '<':
				if !went {
					t.Fatalf("%s, step %d: nothing is owed", tt.name, i)
				}
				<-c.back
			default:
				if got := c.form(); got != wire.Form(s-'0') {
					t.Errorf("%s, step %d: form %d is written, want %c", tt.name, i, got, s)
				}
			}
		}
		if len(c.back) > 0 {
			t.Errorf("%s: something is owed", tt.name)
		}
	}
}

func TestTheWatchHearsWhatOthersRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatched(t)
		x.shared.opts.EchoTimeout = time.Hour
		go func() { _ = x.watch(t.Context(), make(chan struct{})) }()
		is := func(form wire.Form) {
			t.Helper()
			synctest.Wait()
			if got := x.shard.writes.Load(); got != int64(form) || x.forms.form() != form {
				t.Fatalf("form %d is written and %d is told, want %d", x.forms.form(), got, form)
			}
		}
		is(1)
		for range 4 {
			x.heard("", oldBeat("old"))
			x.heard("", wire.Beat("new", 1, 1))
			time.Sleep(time.Second)
		}
		is(1)
		for range 4 {
			x.heard("", wire.Beat("new", 1, 1))
			time.Sleep(time.Second)
		}
		is(2)
		x.heard("", oldBeat("old"))
		time.Sleep(time.Second)
		is(1)
		if len(x.forms.back) != 1 {
			t.Error("the publishing goroutine is not told")
		}
	})
}

// Nothing else tells: where one server has all partitions, an older instance does not even hear what
// it cannot read.
func TestWhoWritesForm2WhoeverReadsItIsWarnedOnce(t *testing.T) {
	const warning = "cannot read what is written"
	for format, times := range map[Format]int{FormatAuto: 0, Format1: 0, Format2: 1} {
		var log strings.Builder
		c := newFormChoice(&Options{Format: format, Heartbeat: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))}, time.Now())
		c.heard("new", wire.Form2, time.Now())
		if strings.Contains(log.String(), warning) {
			t.Errorf("%s: warned of one who reads it: %s", format, log.String())
		}
		for range 3 {
			c.heard("old", wire.Form1, time.Now())
		}
		if got := strings.Count(log.String(), warning); got != times || times > 0 && !strings.Contains(log.String(), "instance=old") {
			t.Errorf("%s: warned %d times, want %d: %s", format, got, times, log.String())
		}
	}
}

// An instance of an older build that comes hears in form 1 what was written in form 2 since it was
// there, although Redis holds it.
func TestAnOlderInstanceGetsWhatItCouldNotRead(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	faster := func(o *Options) { o.Heartbeat = 100 * time.Millisecond }
	a, b := start(t, "A", s.URL(), faster), start(t, "B", s.URL(), faster)
	a.linked()
	b.linked()
	a.until("it writes form 2", func(st Stats) bool { return st.Form == 2 })
	value := tick("A", "BTC_USDT", 1, 1)
	a.publish(value)
	b.hearsNothingBut(value)
	b.stop()

	old := overhear(t, s, wire.Names{Prefix: DefaultPrefix}.Events(partition.Of("BTC_USDT")))
	s.CLI("PUBLISH", wire.Names{Prefix: DefaultPrefix}.Heartbeat(false, partition.All), oldBeat("old"))
	if got := receive(t, a.generations, "a generation"); got != partition.All {
		t.Errorf("a generation of %x", got)
	}
	a.logged("older build")
	if got := a.stats(); got.Form != 1 {
		t.Errorf("A's stats: %+v, want form 1", got)
	}
	a.publish(recovered(value), chat("BTC_USDT", "end"))
	var heard []hub.BroadcastEvent
	for len(heard) == 0 || heard[len(heard)-1].Kind != hub.Message {
		message := receive(t, old, "a message")
		events, bad, err := new(wire.Reader).Decode(nil, message, partition.All, someTime, nil)
		if err != nil || bad > 0 || !strings.HasPrefix(message, wire.EnvelopeHead("A")) {
			t.Fatalf("%s: %d bad, %v; want form 1", message, bad, err)
		}
		heard = append(heard, events...)
	}
	message := receive(t, old, "what is published anew")
	events, _, _ := new(wire.Reader).Decode(nil, message, partition.All, someTime, nil)
	if len(events) != 1 || events[0].Kind != hub.Recovered || events[0].Version != value.Version || events[0].Payload != value.Payload {
		t.Errorf("heard %s, want the value anew", message)
	}
	if st := a.stats(); st.Unchanged != 1 {
		t.Errorf("A's stats: %+v, want the offer unchanged in Redis once", st)
	}
	if got := pttl(t, s, fmt.Sprintf("backbone:last:{17aitp}:price:%s", value.Room)); got > 30*time.Second {
		t.Errorf("lives %v", got)
	}

	// The next session owes it too: the one before may have ended too early.
	s.CLI("CLIENT", "KILL", "TYPE", "normal")
	a.linked()
	s.CLI("PUBLISH", wire.Names{Prefix: DefaultPrefix}.Heartbeat(false, partition.All), oldBeat("old"))
	a.linked()
	a.publish(recovered(value))
	message = receive(t, old, "what the next session publishes anew")
	events, _, _ = new(wire.Reader).Decode(nil, message, partition.All, someTime, nil)
	if len(events) != 1 || events[0].Kind != hub.Recovered || events[0].Version != value.Version {
		t.Errorf("heard %s, want the value anew", message)
	}
}

// overhear returns what is published in a channel from now on.
func overhear(t *testing.T, s *redistest.Server, channel string) <-chan string {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr()}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	heard, ended, confirmed := make(chan string, 100), make(chan struct{}), make(chan struct{})
	ctx := rueidis.WithOnSubscriptionHook(t.Context(), func(rueidis.PubSubSubscription) { close(confirmed) })
	go func() {
		defer close(ended)
		_ = client.Receive(ctx, client.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) { heard <- m.Message })
	}()
	t.Cleanup(func() { client.Close(); <-ended })
	receive(t, confirmed, "the subscription")
	return heard
}
