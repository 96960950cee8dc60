package bridge

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/redistest"
)

func TestUnixSocketPasswordAndDatabase(t *testing.T) {
	noLeak(t)
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	s := redistest.Start(t, "--unixsocket", socket, "--requirepass", "secret")
	a := start(t, "A", "unix://:secret@"+socket+"?db=3")
	b := start(t, "B", strings.Replace(s.URL(), "://", "://:secret@", 1)+"/3")
	a.linked()
	b.linked()
	exchange(t, a, b, 1)
	if got := b.read("EXCHANGE"); len(got.found) != 1 {
		t.Errorf("read: %+v", got)
	}
}

func TestWrongPasswordIsNoEndAndNotTold(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t, "--requirepass", "secret")
	a := start(t, "A", strings.Replace(s.URL(), "://", "://:wrong@", 1))
	if line := a.logged("not reachable yet"); !strings.Contains(line, "WRONGPASS") || strings.Contains(line, ":wrong@") {
		t.Errorf("logged %s", line)
	}
	s.CLI("-a", "secret", "CONFIG", "SET", "requirepass", "wrong")
	a.linked()
}

// A user with the rights that the design note lists, and none else.
func TestLeastRights(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	if got := s.CLI("ACL", "SETUSER", "u", "on", ">p", "resetkeys", "~backbone:*", "resetchannels", "&backbone:*",
		"-@all", "+hello", "+ping", "+subscribe", "+publish",
		"+script|load", "+evalsha", "+eval", "+mget", "+get", "+set", "+pttl", "+pexpire"); got != "OK" {
		t.Fatalf("ACL SETUSER: %s", got)
	}
	a, b := start(t, "A", strings.Replace(s.URL(), "://", "://u:p@", 1)), start(t, "B", s.URL())
	a.linked()
	b.linked()
	exchange(t, a, b, 1)
	if got := a.read("EXCHANGE"); len(got.found) != 1 {
		t.Errorf("read: %+v", got)
	}
}

// A right that is missing for good must not make sessions that work and break in turn.
func TestADeniedScriptIsToldOnce(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	s.CLI("ACL", "SETUSER", "u", "on", ">p", "allkeys", "allchannels", "+@all", "-evalsha")
	fast := func(o *Options) { o.BackoffMin, o.BackoffMax = time.Millisecond, 2*time.Millisecond }
	a := start(t, "A", strings.Replace(s.URL(), "redis://", "redis://u:p@", 1), fast)
	if line := a.logged("not reachable yet"); !strings.Contains(line, "NOPERM") {
		t.Errorf("logged %s, want what is denied", line)
	}
	attempts := func() uint64 { return a.bridge.masters.shared.sessions.Load() }
	deadline := time.Now().Add(patience)
	for before := attempts(); attempts() < before+5; {
		if time.Now().After(deadline) {
			t.Fatal("the link is not tried again")
		}
		a.read("ROOM")
	}
	if st := a.bridge.Status(); st.State != Connecting {
		t.Errorf("status: %+v", st)
	}
	s.CLI("ACL", "SETUSER", "u", "+evalsha")
	a.linked()
	if line := receive(t, a.log.lines, "a log line"); !strings.Contains(line, "connected to redis") {
		t.Errorf("logged %s while the script was denied", line)
	}
}

func TestTLS(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	frozen := tlsProxy(t, s.Addr())
	a, b := start(t, "A", "rediss://"+frozen+"?skip_verify=true"), start(t, "B", s.URL())
	a.linked()
	b.linked()
	exchange(t, a, b, 1)
	s.Freeze() // nothing may wait for the other side's goodbye
	a.stop()
	s.Thaw()
}

// tlsProxy speaks TLS on one side and passes the bytes on to the other.
func tlsProxy(t *testing.T, to string) string {
	t.Helper()
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	config := &tls.Config{Certificates: certificates.TLS.Certificates, MinVersion: tls.VersionTLS12}
	certificates.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{c, r}, {r, c}} {
				go func() {
					_, _ = io.Copy(way[0], way[1]) // until either side is closed
					_ = c.Close()
					_ = r.Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}

// slowSink takes nothing from other instances until it is let.
type slowSink struct {
	*instance
	let chan struct{}
}

func (s slowSink) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	select {
	case <-s.let:
	case <-ctx.Done():
	}
	s.instance.Remote(ctx, events)
}

func TestASlowSinkGetsTheNewestAndHoldsNothingUp(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL())
	let := make(chan struct{})
	b := start(t, "B", s.URL(), func(o *Options) {
		o.InboxBytes = 10_000
		o.Sink = slowSink{o.Sink.(*instance), let}
		o.Heartbeat, o.EchoTimeout = 20*time.Millisecond, 5*time.Second
	})
	a.linked()
	b.linked()
	rooms := []string{"R0", "R1", "R2"}
	var clock uint64
	deadline := time.Now().Add(patience)
	for b.stats().Conflated == 0 || b.stats().Drops[DropInboxFull] == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was left out: %+v", b.stats())
		}
		batch := []hub.BroadcastEvent{chat("LOBBY", "lost")}
		for range 300 {
			clock++
			batch = append(batch, tick("A", rooms[clock%3], clock, int(clock)))
		}
		a.publish(batch...)
		b.read("R0") // answered although the Sink takes no events
	}
	beats := b.stats().Heartbeats
	for b.stats().Heartbeats < beats+3 { // the reader goes on
		if time.Now().After(deadline) {
			t.Fatal("no heartbeat came back while the Sink was slow")
		}
		b.read("R0")
	}
	close(let)
	seen := map[string]uint64{}
	for seen["R0"] < clock-2 || seen["R1"] < clock-2 || seen["R2"] < clock-2 {
		e := b.hears()
		if e.Kind == hub.State && e.Version.Clock < seen[e.Room] {
			t.Fatalf("%s: %d came after %d", e.Room, e.Version.Clock, seen[e.Room])
		}
		seen[e.Room] = e.Version.Clock
	}
	if st := b.stats(); st.Reconnects != 0 {
		t.Errorf("B's stats: %+v", st)
	}
}
