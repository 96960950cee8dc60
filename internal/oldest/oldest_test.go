package oldest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink gets the lines of a log.
type sink chan string

func (s sink) Write(p []byte) (int, error) { s <- string(p); return len(p), nil }

// take returns what was written since the last time.
func (s sink) take() (all string) {
	for len(s) > 0 {
		all += <-s
	}
	return all
}

// lines is a log whose lines have no time.
func lines(level slog.Level) (*slog.Logger, sink) {
	s := make(sink, 100)
	return slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), s
}

// running is a Log with its hub.
func running(t *testing.T) (l *Log, told sink, reader func(n int, age time.Duration) Reader) {
	log, told := lines(slog.LevelDebug)
	h := hub.New(hub.Options{QueueBytes: 1000, Frame: func(dst []byte, p string) []byte { return append(dst, p...) }})
	l = New(log, h)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go h.Run(ctx)
	go func() { l.Run(ctx.Done()); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended; <-h.Done() })
	reader = func(n int, age time.Duration) Reader {
		c := &hub.Client{}
		c.Init(nil, nil)
		h.Register(c)
		h.Join(c, []string{"A", fmt.Sprint("R", n)}, hub.Wants{}, nil, nil)
		return Reader{Client: c, Address: &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(n)), Port: 1}, Role: "CONSUMER", Age: age, Outstanding: 100 * n, Window: 2048}
	}
	return l, told, reader
}

func (l *Log) tell(t *testing.T, readers ...Reader) {
	t.Helper()
	for _, r := range readers {
		if !l.Tell(r) {
			t.Error("there was no place")
		}
		synctest.Wait()
	}
}

// addresses are the readers of the lines, in their order, each with its age.
func addresses(told sink) (all []string) {
	for l := range strings.Lines(told.take()) {
		_, l, _ = strings.Cut(l, "address=192.0.2.")
		n, l, _ := strings.Cut(l, ":1 ")
		_, l, _ = strings.Cut(l, " age=")
		age, _, _ := strings.Cut(l, " ")
		all = append(all, n+" "+age)
	}
	return all
}

func TestALineSaysHowAReaderStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told, reader := running(t)
		r := reader(7, 1234567*time.Microsecond)
		r.Name = "desk"
		l.tell(t, r)
		if got := told.take(); got != "" {
			t.Errorf("it was named at once: %s", got)
		}
		time.Sleep(Every)
		synctest.Wait()
		want := `level=DEBUG msg="one of the oldest readers" address=192.0.2.7:1 role=CONSUMER name=desk rooms=2 age=1.235s outstanding=700 window=2048 queued=0 skipped=0 lags=""` + "\n"
		if got := told.take(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		time.Sleep(2 * Every)
		synctest.Wait()
		if got := told.take(); got != "" {
			t.Errorf("it was named again: %s", got)
		}
	})
}

func TestOnlyTheWorstAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told, reader := running(t)
		for _, n := range []int{3, 8, 1, 6, 2, 9, 4, 7, 5} {
			l.tell(t, reader(n, time.Duration(n)*time.Second))
		}
		time.Sleep(Every)
		synctest.Wait()
		if got := fmt.Sprint(addresses(told)); got != "[9 9s 8 8s 7 7s 6 6s 5 5s]" {
			t.Errorf("named %s", got)
		}
		l.tell(t, reader(1, time.Second)) // each look begins anew
		time.Sleep(Every)
		synctest.Wait()
		if got := fmt.Sprint(addresses(told)); got != "[1 1s]" {
			t.Errorf("named %s", got)
		}
	})
}

func TestAReaderIsNamedOnceWithItsHighestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told, reader := running(t)
		a, b := reader(1, 2*time.Second), reader(2, 3*time.Second)
		older, younger := a, a
		older.Age, younger.Age = 4*time.Second, time.Second
		l.tell(t, a, b, older, younger)
		for n := 3; n < 6; n++ {
			l.tell(t, reader(n, time.Second))
		}
		l.tell(t, older)
		time.Sleep(Every)
		synctest.Wait()
		if got := fmt.Sprint(addresses(told)); got != "[1 4s 2 3s 3 1s 4 1s 5 1s]" {
			t.Errorf("named %s", got)
		}
	})
}

func TestWhoHasGoneIsNotNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told, reader := running(t)
		gone, here := reader(1, 2*time.Second), reader(2, time.Second)
		l.tell(t, gone, here)
		l.hub.Unregister(gone.Client, nil)
		time.Sleep(Every)
		synctest.Wait()
		if got := fmt.Sprint(addresses(told)); got != "[2 1s]" {
			t.Errorf("named %s", got)
		}
	})
}

func TestTellingNeverWaits(t *testing.T) {
	log, _ := lines(slog.LevelDebug)
	l := New(log, nil)
	for n := range places {
		if !l.Tell(Reader{}) {
			t.Fatalf("there was no place for the reader %d", n+1)
		}
	}
	if l.Tell(Reader{}) {
		t.Error("it has a place more than it has")
	}
}

// The level can change while the program runs.
func TestItIsOnAtTheLevelDebug(t *testing.T) {
	level := new(slog.LevelVar)
	l := New(slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})), nil)
	if l.On() {
		t.Error("it is on at the level info")
	}
	if level.Set(slog.LevelDebug); !l.On() {
		t.Error("it is off at the level debug")
	}
}
