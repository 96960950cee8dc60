package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

const (
	// aheadAtMost bounds how far a price's time may be ahead of this machine's clock. A time beyond
	// is in another unit, or nonsense.
	aheadAtMost = 24 * time.Hour
	// restartAfter is how long a symbol brings nothing but old prices on one connection until its
	// exchange is taken to count anew.
	restartAfter = 30 * time.Second
)

// symbol is what is known of one symbol. Its keeper owns it.
type symbol struct {
	Symbol
	asked   time.Time // when it was asked for on the present connection
	heard   time.Time // when the last data came; zero: never
	refused bool      // on the present connection

	// What was published last:
	seq uint64
	ts  int64
	ids []string // of the time ts

	oldSince time.Time // since when nothing but old prices came; zero: they do not
}

// since is when the present silence began.
func (s *symbol) since() time.Time {
	if s.heard.After(s.asked) {
		return s.heard
	}
	return s.asked
}

// sift puts the prices of one frame in order, and keeps those that are to be published. The others
// are counted.
func (k *keeper) sift(list []feed.Event, now time.Time) {
	k.live, k.past = k.live[:0], k.past[:0]
	for i := range list {
		switch list[i].Kind {
		case feed.EventPrice:
			k.live = append(k.live, list[i].Price)
		case feed.EventSnapshot:
			k.past = append(k.past, list[i].Price)
		}
	}
	if len(k.past) > 0 {
		order(k.past)
		for i, p := range k.past {
			if i+1 < len(k.past) && k.past[i+1].Symbol == p.Symbol {
				k.count(feed.History, 1, "")
				continue
			}
			k.accept(p, true, now)
		}
	}
	if len(k.live) > 1 {
		order(k.live)
	}
	for _, p := range k.live {
		k.accept(p, false, now)
	}
}

// order sorts prices by symbol, and those of a symbol by their number or time. Prices that are
// equal in these keep their order.
func order(prices []feed.Price) {
	compare := func(a, b feed.Price) int {
		if c := strings.Compare(a.Symbol, b.Symbol); c != 0 {
			return c
		}
		if a.Seq > 0 && b.Seq > 0 {
			return cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Compare(a.TS, b.TS)
	}
	if !slices.IsSortedFunc(prices, compare) {
		slices.SortStableFunc(prices, compare)
	}
}

// accept queues a price that is newer than what was published of its symbol.
func (k *keeper) accept(p feed.Price, snapshot bool, now time.Time) {
	s := k.symbols[p.Symbol]
	if s == nil {
		k.count(feed.Stranger, 1, p.Symbol)
		return
	}
	if !snapshot {
		k.brings(s, now)
	} else if s.State == Asked {
		s.State = Acked
	}
	wall := now.UnixMilli()
	if p.TS > wall+aheadAtMost.Milliseconds() {
		k.count(feed.BadTime, 1, fmt.Sprintf("%s: %d is more than a day ahead of this machine's clock", p.Symbol, p.TS))
		p.TS = 0
	}
	before := s.seq
	if reason := s.place(p); reason != "" {
		if reason == feed.Duplicate || snapshot || !s.restarts(now) {
			k.count(reason, 1, "")
			return
		}
		k.count(feed.Restart, 1, fmt.Sprintf("%s: nothing but old prices for %v", s.Name, restartAfter))
		before, s.seq, s.ts, s.ids = 0, 0, 0, nil
		s.place(p)
	}
	s.oldSince = time.Time{}
	if before > 0 && p.ByOne && !snapshot && p.Seq > before+1 {
		k.count(feed.Gap, p.Seq-before-1, fmt.Sprintf("%s: %d prices are missing before number %d", s.Name, p.Seq-before-1, p.Seq))
	}
	if p.TS == 0 {
		p.TS = wall
	}
	s.Price, s.TS = p.Text, p.TS
	s.Published++
	k.enqueue(p)
}

// place remembers p as the newest of its symbol. If it is not, it returns why.
func (s *symbol) place(p feed.Price) feed.Reason {
	if p.Seq > 0 {
		switch {
		case p.Seq == s.seq:
			return feed.Duplicate
		case p.Seq < s.seq:
			return feed.Old
		}
		s.seq = p.Seq
		return ""
	}
	if p.TS == 0 {
		return ""
	}
	id := cmp.Or(p.ID, strings.Join([]string{p.Text, p.Size, p.Side, p.Bid, p.Ask}, " "))
	switch {
	case p.TS < s.ts:
		return feed.Old
	case p.TS > s.ts:
		s.ts, s.ids = p.TS, append(s.ids[:0], id)
		return ""
	case slices.Contains(s.ids, id):
		return feed.Duplicate
	case len(s.ids) == maxIDs:
		s.ids = slices.Delete(s.ids, 0, 1)
	}
	s.ids = append(s.ids, id)
	return ""
}

// maxIDs bounds what is remembered of one millisecond of a symbol: more than the largest message
// of any exchange holds.
const maxIDs = 4096

// restarts reports whether old prices have come for so long that they are new ones.
func (s *symbol) restarts(now time.Time) bool {
	if s.oldSince.IsZero() {
		s.oldSince = now
	}
	return now.Sub(s.oldSince) >= restartAfter
}

// maxQueued is how many prices wait for the outlet until only the newest of each symbol do.
const maxQueued = 4096

// enqueue keeps a price for the outlet.
func (k *keeper) enqueue(p feed.Price) {
	if len(k.queue) >= max(maxQueued, 2*len(k.symbols)) {
		newest := make(map[string]int, len(k.symbols))
		for i, p := range k.queue {
			newest[p.Symbol] = i
		}
		all, i := len(k.queue), -1
		k.queue = slices.DeleteFunc(k.queue, func(p feed.Price) bool {
			i++
			return newest[p.Symbol] != i
		})
		k.count(feed.Conflated, uint64(all-len(k.queue)), "prices are not taken as fast as they come")
	}
	k.queue = append(k.queue, p)
}
