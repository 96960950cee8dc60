package ingest

import (
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// counts numbers the local live events of each room and type where no table does. What got no
// event for one whole period is forgotten, as in the table.
type counts struct {
	limit       int // counts of a period, past which the next one begins
	recent, old map[place]*count
	rotated     time.Duration // see moment.Time.Steady
	lives       uint32        // periods that have ended
}

// place is what events are counted of.
type place struct{ room, typ string }

type count struct {
	seq  uint64
	life uint32
}

// countPeriod is how long a count lives without an event, at least.
const countPeriod = 5 * time.Minute

// next returns the number of an event, and the life of its count.
func (c *counts) next(e *hub.BroadcastEvent, now moment.Time) (seq uint64, life uint32) {
	if now.Since(c.rotated) >= countPeriod {
		c.rotate(now)
	}
	p := place{e.Room, e.Type}
	n, ok := c.recent[p]
	if !ok {
		if len(c.recent) >= c.limit {
			c.rotate(now)
		}
		if n, ok = c.old[p]; !ok {
			n = &count{life: c.lives}
		}
		p.room = strings.Clone(p.room) // it is a part of a payload that need not live on
		c.recent[p] = n                // only once: a map takes over the new key with each value
	}
	n.seq++
	return n.seq, n.life
}

func (c *counts) rotate(now moment.Time) {
	c.old, c.recent = c.recent, map[place]*count{}
	c.rotated = now.Steady
	c.lives++
}
