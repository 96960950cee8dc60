package runner

import (
	"context"
	"fmt"
	"time"

	"backbone/internal/feed"
)

// tick does what is due by time.
func (k *keeper) tick(ctx context.Context) error {
	now := time.Now()
	k.excuse(now)
	for _, l := range []*life{k.now, k.next} {
		if l == nil {
			continue
		}
		if !l.send(l.urgent, l.session.Tick(now)) {
			if err := k.lost(l, feed.Stuck, "too much waits to be sent"); err != nil {
				return err
			}
			continue
		}
		if quiet := k.r.o.Exchange.Limits.FrameQuiet; quiet > 0 && now.Sub(l.heard) >= quiet {
			if err := k.lost(l, feed.Dead, fmt.Sprintf("no frame came for %v", quiet)); err != nil {
				return err
			}
		}
	}
	if l := k.now; l != nil {
		if !l.replace.IsZero() && now.After(l.replace) {
			k.replace(ctx, l, "it would reach the end of its life")
		}
		k.silence(ctx, now)
	}
	if l := k.next; l != nil {
		if l.settled.IsZero() && now.Sub(l.born) >= settleAtMost {
			l.settled = now
		}
		if !l.settled.IsZero() && now.Sub(l.settled) >= handoverAfter {
			k.handover(now)
		}
	}
	k.report()
	return nil
}

// excuse adds the time in which this process did not run to every wait: what came meanwhile lies
// unread in the kernel.
func (k *keeper) excuse(now time.Time) {
	missed := now.Sub(k.ticked) - tickEvery
	first := k.ticked.IsZero()
	k.ticked = now
	if first || missed < tickEvery {
		return
	}
	for _, l := range []*life{k.now, k.next} {
		if l != nil {
			l.heard = l.heard.Add(missed)
		}
	}
	for _, s := range k.symbols {
		s.asked = s.since().Add(missed)
	}
}

// silence finds the symbols without data, though the connection lives. Heartbeats are no data.
func (k *keeper) silence(ctx context.Context, now time.Time) {
	all := true
	for _, s := range k.symbols {
		quiet := now.Sub(s.since())
		all = all && quiet >= k.patience
		if s.State == Quiet || s.refused || quiet < k.r.o.Silence {
			continue
		}
		switch {
		case !s.heard.IsZero():
			k.count(feed.Silent, 1, fmt.Sprintf("%s: no data for %v, though the connection lives", s.Name, k.r.o.Silence))
		case s.State == Acked:
			k.count(feed.Silent, 1, fmt.Sprintf("%s: no data since it was acknowledged %v ago: is it spelt as the exchange does, and traded?", s.Name, k.r.o.Silence))
		default:
			k.count(feed.Silent, 1, fmt.Sprintf("%s: neither an answer nor data for %v: is it spelt as the exchange does?", s.Name, k.r.o.Silence))
		}
		s.State = Quiet
	}
	if all && k.next == nil && !k.dialling && k.redial == nil {
		k.now.told = false
		k.replace(ctx, k.now, fmt.Sprintf("no data of any symbol for %v", k.patience))
		k.patience = min(2*k.patience, redialMost)
	}
}

// brings notes that data of s came.
func (k *keeper) brings(s *symbol, now time.Time) {
	if s.State == Quiet {
		k.count(feed.Live, 1, s.Name)
	}
	s.State, s.heard, s.Data = Live, now, now
	s.refused = false
	k.hopes()
	k.patience = redialSilent
}

// acked notes that the exchange has granted a symbol.
func (k *keeper) acked(l *life, name string) {
	if s := k.symbols[name]; s != nil && l == k.now && s.State == Asked {
		s.State = Acked
	}
}

// rejected notes that the exchange does not take a symbol. The error ends the feed: none is left.
func (k *keeper) rejected(name, why string) error {
	s := k.symbols[name]
	if s == nil {
		k.count(feed.Stranger, 1, name)
		return nil
	}
	s.State, s.refused = Refuse, true
	k.count(feed.Rejected, 1, fmt.Sprintf("%s: %s", name, why))
	for _, other := range k.symbols {
		if !other.refused || !other.heard.IsZero() {
			return nil
		}
	}
	if k.barren {
		return nil
	}
	k.barren = true
	if int(k.r.barren.Add(1)) < len(k.r.parts) {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", ErrRejected, name, why)
}

// hopes notes that a symbol that was refused may come after all.
func (k *keeper) hopes() {
	if k.barren {
		k.barren = false
		k.r.barren.Add(-1)
	}
}

// count counts what is left out or ends. A detail is worth a line in the log.
func (k *keeper) count(r feed.Reason, n uint64, detail string) {
	c := k.counts[r]
	c.n += n
	if detail != "" {
		c.detail = detail
	}
	k.counts[r] = c
}

// report hands the journal what was counted. The journal waits for nothing but the log, which does
// not wait either.
func (k *keeper) report() {
	rep := report{counts: k.counts}
	for _, s := range k.symbols {
		rep.symbols = append(rep.symbols, s.Symbol)
	}
	k.counts = map[feed.Reason]counted{}
	k.r.reports <- rep
}
