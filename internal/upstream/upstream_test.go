package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/client/clienttest"
	"backbone/internal/domain/chat"
	"backbone/internal/hub"
	"backbone/internal/logtest"
	"backbone/internal/partition"
	"backbone/internal/redistest"
	"backbone/protocol"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// edge is an Upstream under test. What it reports comes as lines, in order.
type edge struct {
	*Upstream
	t             *testing.T
	reads, leaves chan []string
	lines         chan string
	stop          func()
}

// sink words what it gets.
type sink chan string

func (s sink) say(ctx context.Context, line string) {
	select {
	case s <- line:
	case <-ctx.Done():
	}
}

func (s sink) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	for _, e := range events {
		kind := map[hub.Kind]string{hub.State: "live", hub.Recovered: "recovered", hub.Message: "message", hub.Lost: "lost"}[e.Kind]
		missed := ""
		if e.Missed > 0 {
			missed = fmt.Sprintf(" (%d missed)", e.Missed)
		}
		s.say(ctx, fmt.Sprintf("%s %s %s%s", kind, e.Room, e.Payload, missed))
	}
}

func (s sink) LastPrices(ctx context.Context, rooms []string, _ []hub.BroadcastEvent, err error) {
	word := "answered"
	if err != nil {
		word = "failed"
	}
	for _, room := range rooms {
		s.say(ctx, word+" "+room)
	}
}

func (s sink) Generation(ctx context.Context, partitions partition.Set) {
	if partitions == partition.All {
		s.say(ctx, "generation")
	}
}

func (s sink) State(ctx context.Context, ok bool, _ time.Time) { s.say(ctx, fmt.Sprintf("ok=%t", ok)) }

func start(t *testing.T, urls string, change ...func(*Options)) *edge {
	t.Helper()
	e := &edge{t: t, reads: make(chan []string), leaves: make(chan []string), lines: make(chan string, 100)}
	o := Options{
		URL: urls, Reads: e.reads, Leaves: e.leaves, Sink: sink(e.lines), Logger: slog.New(slog.DiscardHandler), ReadTimeout: patience,
		Chat: chat.Payload[string],
	}
	for _, f := range change {
		f(&o)
	}
	u, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	e.Upstream = u
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		u.Run(ctx)
	}()
	e.stop = func() { cancel(); <-ended }
	t.Cleanup(e.stop)
	return e
}

// connected is start of an edge that has a connection.
func connected(t *testing.T, srv *clienttest.Server, change ...func(*Options)) *edge {
	t.Helper()
	e := start(t, srv.URL, change...)
	e.expect("ok=false", "generation", "ok=true")
	return e
}

// expect takes the lines that come next.
func (e *edge) expect(lines ...string) {
	e.t.Helper()
	for _, want := range lines {
		select {
		case got := <-e.lines:
			if got != want {
				e.t.Fatalf("%q came, want %q", got, want)
			}
		case <-time.After(patience):
			e.t.Fatalf("nothing came, want %q", want)
		}
	}
}

// expectSorted takes as many lines, which may come in another order.
func (e *edge) expectSorted(lines ...string) {
	e.t.Helper()
	var got []string
	for range lines {
		got = append(got, <-e.lines)
	}
	if slices.Sort(got); !slices.Equal(got, lines) {
		e.t.Fatalf("%q came, want %q", got, lines)
	}
}

// nothing takes no line for a while.
func (e *edge) nothing(d time.Duration) {
	e.t.Helper()
	select {
	case got := <-e.lines:
		e.t.Fatalf("%q came, want nothing", got)
	case <-time.After(d):
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func price(instrument string, n int) string {
	return fmt.Sprintf(`{"type":"price_update","instrument":%q,"price":%d.10,"ts":%d}`, instrument, n, n)
}

func publish(t *testing.T, srv *clienttest.Server, events ...string) {
	t.Helper()
	if err := srv.Publish(events...); err != nil {
		t.Fatal(err)
	}
}

func server(t *testing.T) *clienttest.Server {
	t.Helper()
	srv := clienttest.NewServer()
	t.Cleanup(srv.Close)
	return srv
}

func TestRoomsAreJoinedAndLeft(t *testing.T) {
	srv := server(t)
	publish(t, srv, price("A", 1))
	e := connected(t, srv)
	e.reads <- []string{"A"}
	e.expect("recovered A "+price("A", 1), "answered A")
	publish(t, srv, price("A", 2), price("Z", 1))
	e.expect("live A " + price("A", 2))
	e.reads <- []string{"B"} // nothing is known of it
	e.expect("answered B")
	if n := e.Stats().Rooms; n != 2 || srv.Members("A") != 1 || srv.Members("B") != 1 || srv.Members("Z") != 0 {
		t.Errorf("%d rooms", n)
	}
	e.reads <- []string{"A", "B"} // again, on the same connection
	e.expect("answered A", "answered B")
	e.leaves <- []string{"A", "never joined"}
	eventually(t, "A is left", func() bool { return srv.Members("A") == 0 })
	publish(t, srv, price("A", 3))
	e.leaves <- []string{"B"}
	e.reads <- []string{"B", "A"} // anew, perhaps before it is left
	e.expectSorted("answered A", "answered B", "recovered A "+price("A", 3))
	if s := e.Stats(); s.Rooms != 2 || s.Received != 3 || s.Stale+s.Refused+s.Garbage != 0 || s.Connects != 1 {
		t.Errorf("counted %+v", s)
	}
}

// Messages, counts, and what nobody understands.
func TestWhatElseUpstreamSends(t *testing.T) {
	srv := server(t)
	e := connected(t, srv, func(o *Options) {
		o.Valid = func(e *hub.BroadcastEvent) bool { return !strings.Contains(e.Payload, "666") }
	})
	e.reads <- []string{"A"}
	e.expect("answered A")
	publish(t, srv, price("A", 1))
	e.expect("live A " + price("A", 1))
	srv.Send("A", `{"type":"message","room":"A","data":"h\u0069 \"\n<&>"}`)
	e.expect(`message A {"type":"message","room":"A","data":"hi \"\n<&>"}`)
	srv.Send("A", `{"type":"lost","room":"A","messages":7}`)
	e.expect(`lost A  (7 missed)`)
	srv.Send("A", `{"type":"lost","room":"B","messages":7}`)
	srv.Send("A", `{"type":"message","room":"B","data":"of no room of ours"}`)
	srv.Send("A", `{"type":"conflated","room":"A","skipped":3}`)
	srv.Send("A", `{"type":"price_update","instrument":"B","price":1,"ts":1}`)
	srv.Send("A", `{"type":"price_update","instrument":"A","price":666,"ts":1}`)
	srv.Send("A", `{"type":"novel","room":"A"}`)
	srv.Send("A", `nonsense`)
	srv.Send("A", protocol.FeedStatus("A", true, 1))
	srv.Send("A", protocol.BridgeStatus(true, 1))
	publish(t, srv, price("A", 2))
	e.expect("live A " + price("A", 2) + " (3 missed)")
	srv.Send("A", protocol.BridgeStatus(false, 2))
	e.expect("ok=false")
	if s := e.Status(); s.State != Degraded || !s.Connected || s.Since.UnixMilli() != 2 {
		t.Errorf("the status is %+v", s)
	}
	srv.Send("A", protocol.BridgeStatus(true, time.Now().Add(time.Hour).UnixMilli()))
	e.expect("ok=true")
	if s := e.Stats(); s.Garbage != 3 {
		t.Errorf("counted %+v, want Garbage 3", s)
	}
}

func TestALostConnection(t *testing.T) {
	srv := server(t)
	e := connected(t, srv)
	e.reads <- []string{"A", "B"}
	e.expect("answered A", "answered B")
	publish(t, srv, price("A", 1), price("B", 1))
	e.expect("live A "+price("A", 1), "live B "+price("B", 1))
	srv.Refuse(503)
	srv.Disconnect()
	e.expect("ok=false")
	if s := e.Status(); s.State != Degraded || s.Connected {
		t.Errorf("the status is %+v", s)
	}
	e.reads <- []string{"A", "C"}
	e.expect("failed A", "failed C") // at once: members start with what is known here
	publish(t, srv, price("A", 2), price("A", 3), price("A", 4))
	srv.Refuse(0)
	e.expect("generation", "ok=true")
	e.reads <- []string{"A", "B", "C"}
	// 2 and 3 were missed, and 4 is shown but no tick. What is known of B is current.
	e.expectSorted("answered A", "answered B", "answered C", "recovered A "+price("A", 4)+" (3 missed)")
	publish(t, srv, price("B", 2), price("C", 1))
	e.expect("live B "+price("B", 2), "live C "+price("C", 1))
	if s := e.Stats(); s.Stale != 1 || s.Connects != 2 {
		t.Errorf("counted %+v, want Stale 1, of B, and Connects 2", s)
	}
}

// The log says what keeps upstream away, and not only what broke the connection: once for each reason,
// and at most once a minute.
func TestTheLogSaysWhatKeepsUpstreamAway(t *testing.T) {
	const lost, away = "upstream: no connection", "upstream: stays away, for another reason now"
	srv := server(t)
	var log logtest.Log
	e := connected(t, srv, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	srv.Refuse(503)
	srv.Disconnect()
	e.expect("ok=false")
	eventually(t, "the reason is logged", func() bool { return strings.Contains(log.String(), away) })
	if _, line, _ := strings.Cut(log.String(), away); !strings.Contains(line, "503") {
		t.Errorf("the log does not say why: %s", line)
	}
	srv.Refuse(502)
	eventually(t, "it tries again", func() bool { return strings.Contains(log.String(), "502") })
	if text := log.String(); strings.Count(text, lost) != 1 || strings.Count(text, away) != 1 {
		t.Errorf("the log repeats itself: %s", text)
	}
	srv.Refuse(0)
	e.expect("generation", "ok=true")
	srv.Disconnect()
	e.expect("ok=false")
	if text := log.String(); strings.Count(text, lost) != 2 {
		t.Errorf("the log does not say that the connection was lost again: %s", text)
	}
}

func TestARoomIsRefused(t *testing.T) {
	srv := server(t)
	e := connected(t, srv)
	srv.Reject("A", protocol.CodeTooManyRooms, "no")
	e.reads <- []string{"A", "B"}
	e.expectSorted("answered B", "failed A")
	e.reads <- []string{"A"}
	e.expect("failed A")
	if s := e.Stats(); s.Refused != 2 || s.Rooms != 2 {
		t.Errorf("counted %+v, want Refused 2", s)
	}
}

// A read is answered in time, whatever upstream does, and an upstream that hangs is given up.
func TestAnUpstreamThatHangs(t *testing.T) {
	srv := server(t)
	proxy := redistest.NewProxyTo(t, strings.TrimPrefix(srv.URL, "ws://"))
	e := start(t, "ws://"+proxy.Addr(), func(o *Options) { o.ReadTimeout = 100 * time.Millisecond })
	e.expect("ok=false", "generation", "ok=true")
	eventually(t, "A is joined", func() bool {
		e.reads <- []string{"A"}
		return <-e.lines == "answered A"
	})
	proxy.HalfOpen()
	e.reads <- []string{"B", "C"}
	e.expect("failed B", "failed C")
	e.reads <- []string{"A", "B"}
	e.expect("answered A", "failed B")
	e.leaves <- []string{"C"}
	e.expect("ok=false")
	proxy.Whole()
	e.expect("generation", "ok=true")
	eventually(t, "B is joined", func() bool {
		e.reads <- []string{"B"}
		return <-e.lines == "answered B"
	})
	eventually(t, "what was left is left", func() bool { return srv.Members("C") == 0 && srv.Members("A") == 1 })
}

// Whoever refuses an edge is asked again later, and by then all rooms are joined anew.
func TestARefusal(t *testing.T) {
	srv := server(t)
	srv.Refuse(403)
	e := start(t, srv.URL, func(o *Options) { o.Redial = 20 * time.Millisecond })
	e.expect("ok=false")
	e.nothing(100 * time.Millisecond)
	if s := e.Status(); s.State != Connecting || s.Connected {
		t.Errorf("the status is %+v", s)
	}
	srv.Refuse(0)
	e.expect("generation", "ok=true")
	e.reads <- []string{"A"}
	e.expect("answered A")
	srv.CloseWith(protocol.CloseUnauthorized, "revoked") // ends a client for good
	e.expect("ok=false", "generation", "ok=true")
	e.reads <- []string{"A"}
	e.expect("answered A")
	if srv.Members("A") != 1 {
		t.Error("A is not joined anew")
	}
}

// Run ends whatever it is doing.
func TestRunEnds(t *testing.T) {
	for name, state := range map[string]func(t *testing.T) *edge{
		"while it dials": func(t *testing.T) *edge {
			return start(t, "ws://127.0.0.1:1")
		},
		"while it joins": func(t *testing.T) *edge {
			srv := server(t)
			e := connected(t, srv)
			srv.Refuse(503)
			srv.Disconnect()
			e.expect("ok=false")
			e.reads <- []string{"A"}
			e.expect("failed A")
			return e
		},
		"while nobody takes what it reports": func(t *testing.T) *edge {
			return start(t, server(t).URL, func(o *Options) { o.Sink = make(sink) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			state(t).stop()
			if took := time.Since(began); took > patience/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	for urls, want := range map[string]string{
		"wss://a": "wss://a", "ws://a:1, wss://b/x/?token=1": "ws://a:1,wss://b/x?...", "a:1": "",
	} {
		if got, err := Shown(urls); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is shown as %q, %v", urls, got, err)
		}
	}
	if _, err := New(Options{URL: "a:1"}); err == nil {
		t.Error("a URL that is none was taken")
	}
}
