package ingest

import (
	"time"

	"backbone/internal/moment"
)

// Two producers that publish one instrument take turns with its price, which is most likely a
// mistake: of two feeds without a prefix, or of one that was started twice. It is a contest once
// one of them publishes again after the other, while the value has its holder for less than a TTL.
// A producer that comes back under another name, or at another instance, contests nothing.

// contests are those that no line of the log has told yet.
type contests struct {
	quiet       time.Duration // no line before, a moment.Time's Steady
	line        uint32        // lines so far
	instruments int           // contested since the last line, each counted once

	// The first one since the last line.
	instrument, producer, other string
	elsewhere                   bool // other is another instance
}

// contest looks whether h, which publishes v now, contests it with another producer. It comes
// before v gets the new value.
func (c *core) contest(v *value, h *holder, now moment.Time) {
	elsewhere := v.version.Instance != c.opts.Instance
	if v.holder == h && v.rival == nil && !elsewhere {
		return
	}
	rival := v.rival
	switch {
	case !v.heldFor(c.opts.TTL, now):
		v.rival = nil
	case elsewhere && (v.holder == h || rival != nil && rival.name == h.name):
		c.contested(v, h.name, v.version.Instance, true)
	case v.holder != h:
		v.rival = h
	default:
		v.rival = nil
		c.contested(v, h.name, rival.name, false)
	}
}

func (c *core) contested(v *value, producer, other string, elsewhere bool) {
	n := &c.contests
	if v.contested == n.line+1 {
		return
	}
	v.contested = n.line + 1
	if n.instruments == 0 {
		n.instrument, n.producer, n.other, n.elsewhere = v.room.name, producer, other, elsewhere
	}
	n.instruments++
}

// tellContests says in the log that instruments are contested, once a minute.
func (c *core) tellContests(now moment.Time) {
	n := &c.contests
	if n.instruments == 0 || now.Steady < n.quiet {
		return
	}
	other := "other"
	if n.elsewhere {
		other = "other_instance"
	}
	c.opts.Logger.Warn("two producers publish one instrument, and take turns with its price: stop one, or give it another prefix",
		"instrument", n.instrument, "producer", n.producer, other, n.other, "instruments", n.instruments)
	c.contests = contests{quiet: now.Steady + skewQuiet, line: n.line + 1}
}
