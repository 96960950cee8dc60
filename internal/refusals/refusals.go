// Package refusals writes to the log who was turned away and why, and says why something is away, in a bounded number
// of lines.
package refusals

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A kind of refusal has one line in Every at most, which says how many had none since the line before.
// One kind does not use up the lines of another.
const (
	Every = time.Second
	Rest  = 10 * time.Second // after which the number of those without a line is told, if no line came
)

// Kind is what refusals have in common that share their lines. Each line has all of it.
type Kind struct {
	Message string
	Key, Of string // an attribute, such as status and 401; "": none
	Warning bool   // its level is warn and not info
}

// Log writes refusals to a log. A log at the level debug has all of them. Its methods are safe for
// concurrent use by multiple goroutines.
type Log struct {
	log   *slog.Logger
	kinds map[Kind]*account // immutable
}

type account struct {
	lines   *rate.Limiter
	leftOut atomic.Int64 // refusals without a line; the next line, or Run, takes them
}

// New returns a Log of these kinds.
func New(log *slog.Logger, kinds ...Kind) *Log {
	l := &Log{log: log, kinds: map[Kind]*account{}}
	for _, k := range kinds {
		l.kinds[k] = &account{lines: rate.NewLimiter(rate.Every(Every), 1)}
	}
	return l
}

// Tell writes the line of one refusal, or counts it. k is one of the kinds of New. The attributes
// are keys and values as slog has them.
func (l *Log) Tell(k Kind, attributes ...any) {
	a := l.kinds[k]
	if !a.lines.Allow() && !l.log.Enabled(context.Background(), slog.LevelDebug) {
		a.leftOut.Add(1)
		return
	}
	line := append(k.attributes(), attributes...)
	if n := a.leftOut.Swap(0); n > 0 {
		line = append(line, "left_out", n)
	}
	l.log.Log(context.Background(), k.level(), k.Message, line...)
}

// Run tells now and then, and when stop closes, how many refusals had no line and are in none.
func (l *Log) Run(stop <-chan struct{}) {
	ticker := time.NewTicker(Rest)
	defer ticker.Stop()
	for going := true; going; {
		select {
		case <-ticker.C:
		case <-stop:
			going = false
		}
		for k, a := range l.kinds {
			if n := a.leftOut.Swap(0); n > 0 {
				l.log.Log(context.Background(), k.level(), k.Message+": there were more", append(k.attributes(), "left_out", n)...)
			}
		}
	}
}

func (k Kind) attributes() []any {
	if k.Key == "" {
		return nil
	}
	return []any{k.Key, k.Of}
}

func (k Kind) level() slog.Level {
	if k.Warning {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
