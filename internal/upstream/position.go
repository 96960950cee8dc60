package upstream

import (
	"math"
	"time"

	"backbone/client"
	"backbone/internal/epochs"
	"backbone/internal/hub"
	"backbone/internal/moment"
)

// position is how far the prices of one room were passed on. It puts those of several connections
// into one order, and counts what is missing between them.
type position struct {
	counts epochs.List[count]
	clock  uint64 // of the version of the newest price; 0: there is none
	epoch  string // of the newest price; "": it had no stamp
	at     int64  // likewise, Unix milliseconds

	sure     bool   // something newer than all before came on this connection, so that what comes now is newer still
	away     bool   // no live price was passed on since the connection before this one was lost
	counting bool   // a live price was passed on, so that numbers tell what is missing after it
	missing  uint64 // live events that upstream has told of and no price was passed on after
}

// count is one count of an instance.
type count struct {
	instance string
	life     uint32
	seq      uint64 // highest that came
}

// lost says that the connection was lost.
func (p *position) lost() {
	p.away, p.sure = true, false
}

// tell notes what upstream says is missing before the next price.
func (p *position) tell(events uint64) { p.missing += events }

const (
	maxAt  = 1 << 44 // the latest time that makes a clock, in 500 years
	maxAge = 30 * 365 * 24 * time.Hour
)

// take makes u the newest price and completes e, the event of it, whose kind is set. It reports
// false if u is not newer. settled says that the connection has lasted for so long that what it
// brings is newer than what the connection before it brought.
func (p *position) take(u *client.PriceUpdate, e *hub.BroadcastEvent, settled bool, now moment.Time) (newer bool) {
	e.Born = now.Steady
	instance, life, stamped := "", uint32(0), false
	if u.Stamp != nil {
		instance, life, stamped = epochs.Parse(u.Stamp.Epoch)
	}
	if !stamped { // by an older build: nothing can be compared
		p.counts.Clear()
		p.accept(e, "", now.UnixMS)
		return true
	}
	s, live := u.Stamp, e.Kind == hub.State
	c, known := p.counts.Touch(s.Epoch)
	before, at := c.seq, s.At.UnixMilli()
	if known && s.Seq <= before {
		p.missing = 0 // that was before this one, which came before
		return false
	}
	*c = count{instance, life, s.Seq}
	if p.clock > 0 && !p.sure && !settled && s.Epoch != p.epoch && at <= p.at {
		if live {
			p.missing++ // it came, but too late to be passed on
		}
		return false
	}
	switch gap := s.Seq - before; { // it includes u itself, which was not missed if it is live
	case !p.counting:
	case known && p.counts.Len() == 1:
		if live {
			gap--
		}
		if p.away || gap > p.missing {
			p.missing = gap
		}
	case p.away && !live:
		p.missing++
	}
	p.accept(e, s.Epoch, at)
	e.Version.Instance, e.Life, e.Seq, e.At = instance, life, s.Seq, at
	if !live {
		e.Born -= min(max(0, s.Age), maxAge)
		return true
	}
	e.Transit = min(max(0, time.Duration(now.UnixMS-at)*time.Millisecond), maxAge)
	return true
}

// accept gives e the next version and what was missing before it.
func (p *position) accept(e *hub.BroadcastEvent, epoch string, at int64) {
	p.clock = max(p.clock+1, uint64(min(max(0, at), maxAt))<<16)
	p.epoch, p.at, p.sure = epoch, at, true
	e.Version.Clock = p.clock
	e.Missed = uint32(min(p.missing, math.MaxUint32))
	p.missing -= uint64(e.Missed)
	if e.Kind == hub.State {
		p.away, p.counting = false, true
	}
}
