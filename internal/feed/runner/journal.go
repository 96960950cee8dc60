package runner

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"backbone/internal/feed"
)

// State is what is known of a symbol.
type State string

// The states.
const (
	Down   State = "down"     // there is no connection
	Asked  State = "asked"    // and the exchange has not answered
	Acked  State = "acked"    // the exchange says that it will come, which proves nothing
	Live   State = "live"     // data comes
	Quiet  State = "silent"   // no data came for Options.Silence, though there is a connection
	Refuse State = "rejected" // the exchange does not take it
)

// States are all states.
func States() []State { return []State{Down, Asked, Acked, Live, Quiet, Refuse} }

// Symbol is the state of one symbol.
type Symbol struct {
	Name       string
	Connection int // number of the connection that carries it, from 1
	State      State
	Price      string    // published last; empty: none
	TS         int64     // of that
	Published  uint64    // prices
	Data       time.Time // when data came last; zero: never
}

// Status is what a Runner did.
type Status struct {
	Symbols []Symbol
	Counts  map[feed.Reason]uint64
}

// Status returns a copy, at most about a second old. It is safe for concurrent use by multiple
// goroutines.
func (r *Runner) Status() Status {
	s := r.status.Load()
	return Status{Symbols: slices.Clone(s.Symbols), Counts: maps.Clone(s.Counts)}
}

// report is what a keeper has counted since the last, and how its symbols are.
type report struct {
	symbols []Symbol
	counts  map[feed.Reason]counted
}

type counted struct {
	n      uint64
	detail string // of the last one; empty: nothing worth a line
}

// journal owns the status, and the lines of the log, until the reports end.
func (r *Runner) journal() {
	said := lines{of: map[feed.Reason]*line{}, log: func(reason feed.Reason, count uint64, last string) {
		r.o.Log.Log(context.Background(), level(reason), message(reason), "exchange", r.o.Exchange.Name, "reason", reason, "count", count, "last", last)
	}}
	status := r.Status()
	place := map[string]int{}
	for i, s := range status.Symbols {
		place[s.Name] = i
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case rep, ok := <-r.reports:
			if !ok {
				said.waiting(time.Now(), true)
				return
			}
			for _, s := range rep.symbols {
				status.Symbols[place[s.Name]] = s
			}
			now := time.Now()
			for reason, c := range rep.counts {
				status.Counts[reason] += c.n
			}
			said.report(rep.counts, now)
			next := Status{Symbols: slices.Clone(status.Symbols), Counts: maps.Clone(status.Counts)}
			r.status.Store(&next)
		case now := <-tick.C:
			said.waiting(now, false)
		}
	}
}

// level is how bad a reason is.
func level(r feed.Reason) slog.Level {
	switch r {
	case feed.Connected, feed.Planned, feed.Live, feed.Restart:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// message is what a reason says in the log.
func message(r feed.Reason) string {
	switch r {
	case feed.BadFrame:
		return "a frame could not be read and is left out"
	case feed.Unknown:
		return "a message of an unknown kind is left out"
	case feed.BadPrice:
		return "a price is left out"
	case feed.BadTime:
		return "a time is wrong, and the time of receiving is used"
	case feed.Stranger:
		return "data came for a symbol that was not asked for"
	case feed.Gap:
		return "the exchange's own count has a gap"
	case feed.Restart:
		return "the exchange counts anew"
	case feed.Conflated:
		return "prices are left out, and the newest kept"
	case feed.Rejected:
		return "the exchange does not take a symbol"
	case feed.Silent:
		return "a symbol is silent"
	case feed.Live:
		return "a symbol that was silent is live again"
	case feed.Dead:
		return "a connection is dead and is made anew"
	case feed.Stuck:
		return "the exchange does not take what is sent, and the connection is made anew"
	case feed.TooLarge:
		return "a message is too large, and the connection is made anew"
	case feed.Connected:
		return "connected to the exchange"
	case feed.Planned:
		return "a connection is replaced before it ends"
	case feed.Refused:
		return "the exchange refuses the connection"
	case feed.NoConnect:
		return "the exchange cannot be reached"
	}
	return "the connection is lost and is made anew"
}
