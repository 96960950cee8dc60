package ingest

import (
	"time"

	"backbone/internal/moment"
)

// Two connections that publish one instrument take turns with its price, which is most likely a
// mistake: of two feeds without a prefix, or of one that was started twice. It is a contest once one
// of them has come back after the other again and again, whatever their keys. A producer that
// connects anew, here or at another instance, contests nothing: its old connection is heard no more
// once what was on its way has come, which is what takeover is for.

const (
	// takeover is how long what an old connection had on its way may come after it was replaced.
	takeover = time.Second
	// maxTurn bounds how long ago the last publication may be of who comes back. A lower TTL does too.
	maxTurn = time.Minute
)

// turns are those of the connections that publish one value here.
type turns struct {
	first     *producer     // who is looked at whether it comes back; nil: nobody has published
	second    *producer     // who published after it; nil: nobody
	at        time.Duration // when first published last, a moment.Time's Steady
	since     time.Duration // when first came back for the first time; 0: it did not
	contested uint32        // line of the log that counts it as contested; 0: none
}

// contests are those that no line of the log has told yet.
type contests struct {
	quiet       time.Duration // no line before, a moment.Time's Steady
	line        uint32        // lines so far
	instruments int           // contested since the last line, each counted once
	first       contest       // since the last line
}

// contest is one of them.
type contest struct {
	instrument      string
	producer, other *producer
	elsewhere       string // the other instance; empty: other is here
}

// turn notes that p publishes v now, and whether that is a contest. It comes before v gets the new
// value.
func (c *core) turn(v *value, p *producer, now moment.Time) {
	t := &v.turns
	elsewhere := v.version.Instance != c.opts.Instance
	if t.first == nil || now.Since(t.at) >= min(c.opts.TTL, maxTurn) {
		*t = turns{first: p, at: now.Steady, contested: t.contested}
		return
	}
	if p != t.first {
		t.second = p
		return
	}
	t.at = now.Steady
	switch {
	case t.second == nil && !elsewhere:
		if t.since > 0 && now.Since(t.since) >= maxTurn { // a contest that ended, perhaps
			t.since = 0
		}
		return
	case t.since == 0:
		t.since = now.Steady
	case now.Since(t.since) >= takeover:
		told := contest{instrument: v.room.name, producer: p, other: t.second}
		if elsewhere {
			told.elsewhere = v.version.Instance
		}
		c.contested(t, told)
	}
	t.second = nil
}

func (c *core) contested(t *turns, told contest) {
	n := &c.contests
	if t.contested == n.line+1 {
		return
	}
	t.contested = n.line + 1
	if n.instruments == 0 {
		n.first = told
	}
	n.instruments++
}

// tellContests says in the log that instruments are contested, once a minute.
func (c *core) tellContests(now moment.Time) {
	n := &c.contests
	if n.instruments == 0 || now.Steady < n.quiet {
		return
	}
	told := n.first
	list := append([]any{"instrument", told.instrument}, told.producer.attributes("producer", "address")...)
	if told.elsewhere != "" {
		list = append(list, "other_instance", told.elsewhere)
	} else {
		list = append(list, told.other.attributes("other", "other_address")...)
	}
	c.opts.Logger.Warn("two producers publish one instrument, and take turns with its price: stop one, or give it another prefix",
		append(list, "instruments", n.instruments)...)
	c.contests = contests{quiet: now.Steady + skewQuiet, line: n.line + 1}
}

// attributes are those of the log that say who p is. The address is left out where it is the name.
func (p *producer) attributes(name, address string) []any {
	if p.address == "" || p.address == p.name {
		return []any{name, p.name}
	}
	return []any{name, p.name, address, p.address}
}
