package feed

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"backbone/internal/cli"
	"backbone/internal/feed"
	"backbone/internal/feed/runner"
	"backbone/internal/human"
	"backbone/internal/screen"
)

// show runs the feed and shows its symbols until it ends or the user quits.
func (c *Cmd) show(ctx context.Context, s cli.Streams, e feed.Exchange, r *runner.Runner, last *lastLine) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := r.Run(running)
		stop() // the screen too
		ended <- err
	}()
	s.Settle() // no line appears within the screen
	t := &table{exchange: e, published: map[string]uint64{}, rates: map[string]uint64{}}
	shown := screen.RunPage(running, s, screen.Page{Title: "backbone feed " + e.Name, Lines: func(now time.Time) []string {
		return t.lines(r.Status(), last.String(), now)
	}})
	stop()
	err := <-ended
	if err == nil {
		err = shown
	}
	return err
}

// table makes the lines of the screen. The screen's goroutine owns it.
type table struct {
	exchange  feed.Exchange
	published map[string]uint64 // a second ago
	rates     map[string]uint64 // prices in the last second
	sampled   time.Time
}

func (t *table) lines(s runner.Status, notice string, now time.Time) []string {
	if now.Sub(t.sampled) >= time.Second {
		for _, symbol := range s.Symbols {
			t.rates[symbol.Name] = symbol.Published - t.published[symbol.Name]
			t.published[symbol.Name] = symbol.Published
		}
		t.sampled = now
	}
	names := []string{"SYMBOL"}
	rate := uint64(0)
	for _, symbol := range s.Symbols {
		names = append(names, symbol.Name)
		rate += t.rates[symbol.Name]
	}
	width := min(cli.Width(names), 30)
	lines := []string{
		fmt.Sprintf("%s prices/s", human.Group(rate)),
		cli.StyleWarn.Render(cli.Printable(notice)),
		cli.StyleFaint.Render(fmt.Sprintf("%s %16s %9s %10s  %s", cli.Column("SYMBOL", width), "LAST", "PRICES/S", "AGE", "STATE")),
	}
	for _, symbol := range s.Symbols {
		lines = append(lines, fmt.Sprintf("%s %16s %9s %10s  %s", cli.Column(symbol.Name, width), last(symbol), human.Group(t.rates[symbol.Name]), age(symbol, now), state(symbol.State)))
	}
	return append(lines, "")
}

func last(s runner.Symbol) string {
	if s.Price == "" {
		return "-"
	}
	return s.Price
}

// age is how long ago data came last.
func age(s runner.Symbol, now time.Time) string {
	if s.Data.IsZero() {
		return "-"
	}
	return max(now.Sub(s.Data), 0).Round(time.Second).String()
}

func state(s runner.State) string {
	switch s {
	case runner.Live, runner.Asked, runner.Acked:
		return string(s)
	}
	return cli.StyleWarn.Render(string(s))
}

// lastLine keeps the last line that is written. Its methods are safe for concurrent use by multiple
// goroutines.
type lastLine struct{ text atomic.Pointer[string] }

func (l *lastLine) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	l.text.Store(&text)
	return len(p), nil
}

func (l *lastLine) String() string {
	if text := l.text.Load(); text != nil {
		return *text
	}
	return ""
}
