package bridge

import (
	"log/slog"
	"sync/atomic"
)

// foreign says where something is that no instance wrote.
type foreign uint8

const (
	foreignValue foreign = iota
	foreignMessage
	foreignEvent
	foreignBeat
	foreigns
)

var foreignNames = [foreigns]string{
	foreignValue: "stored value", foreignMessage: "message", foreignEvent: "event", foreignBeat: "heartbeat",
}

// garbage counts what no instance wrote. It logs the first of each kind only, because whoever
// writes it may write a lot. Safe for concurrent use by multiple goroutines.
type garbage struct {
	count *counters
	log   *slog.Logger
	told  [foreigns]atomic.Bool
}

// found says that n of a kind were found at a key or a channel.
func (g *garbage) found(what foreign, where string, n int) {
	if n == 0 {
		return
	}
	if what == foreignEvent {
		g.count.drop(DropGarbage, n)
	} else {
		g.count.garbage.Add(uint64(n))
	}
	if !g.told[what].Swap(true) {
		g.log.Warn("redis has what no instance wrote; it is left out, and more of its kind is only counted",
			"what", foreignNames[what], "where", where)
	}
}
