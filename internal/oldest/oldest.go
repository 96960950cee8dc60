// Package oldest names in the log the few clients that read the oldest prices, at the level debug.
package oldest

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"time"

	"backbone/internal/hub"
)

const (
	// Every is the time between two looks at who is the worst.
	Every = 10 * time.Second
	// Lines is how many clients a look names at most.
	Lines = 5
	// Again is how often a client is told of.
	Again = time.Second

	places = 64 // for clients that were told of
)

// Reader is a client with what its write side knows.
type Reader struct {
	Client      *hub.Client
	Address     net.Addr
	Role, Name  string
	Age         time.Duration // of what it reads, or at least of what it has not answered for
	Outstanding int           // bytes under way to it
	Window      int           // bytes that may be
}

// Log names the oldest of the readers that it is told of. Its methods are safe for concurrent use
// by multiple goroutines; Run is called once.
type Log struct {
	log  *slog.Logger // immutable
	hub  *hub.Hub     // immutable
	told chan Reader

	worst []Reader // at most Lines, the oldest first; owned by Run
}

// New returns a Log.
func New(log *slog.Logger, h *hub.Hub) *Log {
	return &Log{log: log, hub: h, told: make(chan Reader, places)}
}

// On reports whether the log takes the level debug now, so that readers are to be told of.
func (l *Log) On() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

// Tell takes what is known of a reader. It never waits, and reports false if there was no place: then
// it may be told again.
func (l *Log) Tell(r Reader) bool {
	select {
	case l.told <- r:
		return true
	default:
		return false
	}
}

// Run writes the lines until stop is closed.
func (l *Log) Run(stop <-chan struct{}) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case r := <-l.told:
			l.keep(r)
		case <-ticker.C:
			l.write()
		case <-stop:
			return
		}
	}
}

// keep notes r if it is one of the worst since the last look. Of a client the highest age counts.
func (l *Log) keep(r Reader) {
	if i := slices.IndexFunc(l.worst, func(w Reader) bool { return w.Client == r.Client }); i >= 0 {
		if l.worst[i].Age >= r.Age {
			return
		}
		l.worst = slices.Delete(l.worst, i, i+1)
	}
	i := 0
	for i < len(l.worst) && l.worst[i].Age >= r.Age {
		i++
	}
	if i < Lines {
		l.worst = slices.Insert(l.worst[:min(len(l.worst), Lines-1)], i, r)
	}
}

// write names the worst, of whom the hub knows the rest. Who has gone meanwhile has no line.
func (l *Log) write() {
	for _, r := range l.worst {
		s, here := l.hub.ClientStats(r.Client)
		if !here {
			continue
		}
		l.log.Debug("one of the oldest readers", "address", r.Address, "role", r.Role, "name", r.Name, "rooms", s.Rooms,
			"age", r.Age.Round(time.Millisecond), "outstanding", r.Outstanding, "window", r.Window,
			"queued", s.Queued, "skipped", s.Skipped, "lags", s.Lags)
	}
	clear(l.worst)
	l.worst = l.worst[:0]
}
