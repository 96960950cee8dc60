package transport

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
)

// debugLines is a log at the level debug, whose lines with a text come through the channel.
func debugLines(text string) (*slog.Logger, <-chan string) {
	lines := make(chan string, 100)
	return slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), text) {
			lines <- string(p)
		}
		return len(p), nil
	}), &slog.HandlerOptions{Level: slog.LevelDebug})), lines
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTheLogNamesThoseWhoReadOldPrices(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*distant)
		least  time.Duration // its age; 0: it is not named
	}{
		"slow":  {func(d *distant) { d.rate = 10_000 }, maxAge / 2},
		"deaf":  {deaf, 8 * time.Second},
		"quick": {func(*distant) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, lines := debugLines("one of the oldest readers")
				i := onPipes(t, settings{change: func(o *Options) { fresh(o); o.Logger = log }})
				d := i.distant(joinFive, test.change)
				end := i.feed(5 * time.Millisecond)
				d.read(t, 10*time.Second+time.Millisecond)
				end()
				if test.least > 0 {
					named(t, lines, test.least, " rooms=5 ", " lags=age")
				} else if len(lines) > 0 {
					t.Errorf("it is named: %s", <-lines)
				}
			})
		})
	}
}

// It is seldom looked at before, since nothing waits for it.
func TestTheLogNamesWhoAnswersLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := debugLines("one of the oldest readers")
		i := onPipes(t, settings{change: func(o *Options) { fresh(o); o.Logger = log }})
		p := i.consumer()
		answer := func(after time.Duration) {
			op, number, err := p.next()
			if err != nil || op != ws.OpPing {
				t.Fatalf("got frame %#x, %v", op, err)
			}
			<-time.After(after)
			p.raw(masked(ws.OpPong, number))
		}
		p.send(`{"type":"join","room":"A"}`)
		answer(0)
		p.hears(`{"type":"joined","room":"A"}`)
		text := price("A", strings.Repeat("1", 40<<10))
		i.publish(hub.State, "A", text)
		p.hears(text)
		answer(5 * time.Second)
		elapse(5 * time.Second)
		named(t, lines, 5*time.Second, " outstanding=0 ", ` lags=""`)
	})
}

// named takes the one line of the consumer.
func named(t *testing.T, lines <-chan string, least time.Duration, parts ...string) {
	t.Helper()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	line := <-lines
	_, text, _ := strings.Cut(line, " age=")
	text, _, _ = strings.Cut(text, " ")
	if age, err := time.ParseDuration(text); err != nil || age < least || age > 10*time.Second {
		t.Errorf("an age of %v, %v", age, err)
	}
	for _, part := range append(parts, "address=192.0.2.1:1234 role=CONSUMER ") {
		if !strings.Contains(line, part) {
			t.Errorf("without %q: %s", part, line)
		}
	}
}
