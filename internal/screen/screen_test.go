package screen

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

// run shows a screen until it has all texts, then ends it by end.
func run(t *testing.T, o Options, end func(stop context.CancelFunc), texts ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var screen bytes.Buffer // owned by the program's renderer until Run returns
	shown := make(chan struct{})
	out := cli.WriterFunc(func(b []byte) error {
		screen.Write(b)
		for _, text := range texts {
			if !strings.Contains(screen.String(), text) {
				return nil
			}
		}
		select {
		case <-shown:
		default:
			close(shown)
		}
		return nil
	})
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, cli.Streams{In: strings.NewReader(""), Out: out}, o, tea.WithWindowSize(100, 30))
	}()
	select {
	case <-shown:
	case err := <-ended:
		t.Fatalf("the screen ended: %v\n%q", err, &screen)
	case <-ctx.Done():
		t.Errorf("not shown: %q", texts)
	}
	end(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheScreenShowsWhatComes(t *testing.T) {
	events := make(chan client.Event, 1)
	events <- priced("A", "4242.5", 0)
	run(t, Options{
		Title: "a title", Rooms: []string{"A", "B"}, Footer: []string{"a footer"}, Events: events, TSUnit: time.Microsecond,
		Notice: func(context.Context) string { return "something is wrong" },
	}, func(stop context.CancelFunc) { stop() }, "a title", "4242.5", "a footer", "something is wrong")
}

func TestTheScreenEndsWithTheEvents(t *testing.T) {
	events := make(chan client.Event, 1)
	events <- priced("A", "7.5", 0)
	run(t, Options{Title: "a title", Rooms: []string{"A"}, Events: events}, func(context.CancelFunc) { close(events) }, "7.5")
}

// A reader that does not read makes the server take it for slow.
func TestAStuckTerminalDoesNotHoldUpTheEvents(t *testing.T) {
	stuck, free := make(chan struct{}), make(chan struct{})
	out := cli.WriterFunc(func([]byte) error {
		select {
		case <-stuck:
		default:
			close(stuck)
		}
		<-free
		return nil
	})
	events := make(chan client.Event)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(t.Context(), cli.Streams{In: strings.NewReader(""), Out: out}, Options{Rooms: []string{"A"}, Events: events}, tea.WithWindowSize(100, 30))
	}()
	<-stuck
	late := time.After(patience)
	for over := time.After(10 * redrawEvery); over != nil; {
		select {
		case events <- priced("A", "7.5", 0):
		case <-over:
			over = nil
		case <-late:
			t.Fatal("events are not taken")
		}
	}
	select {
	case events <- priced("A", "7.5", 0):
	case <-late:
		t.Error("events are not taken any more")
	}
	close(free)
	close(events)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
