package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// An edge hears only the rooms that it has joined upstream. So what it knows of a room is current
// only while that room is joined. A room stays joined for Options.Linger after its last member has
// left, because members of a page that is opened anew come back soon. Meanwhile it is a member of
// itself, and all that is done for members is done for it. Then it is forgotten, and Options.Leaves
// is offered its name.

// leaveAgain is when it is looked again whether a room can be left that is being read.
const leaveAgain = time.Second

// edge reports whether this instance hears only what it has joined.
func (c *core) edge() bool { return c.opts.Leaves != nil }

// linger makes rooms that are about to lose a member members of themselves.
func (c *core) linger(rooms []string, now moment.Time) {
	if !c.edge() || c.table == nil {
		return
	}
	for _, name := range rooms {
		r := c.table.watched(name)
		if r == nil {
			continue // unwatch says so
		}
		r.left = now.Steady
		if !r.lingers {
			r.lingers = true
			r.members++
			c.agenda.add(now.Steady+c.opts.Linger, task{room: r, duty: leaveRoom})
		}
	}
}

// leaveRoom has a room left that has had no member but itself for long enough.
func (c *core) leaveRoom(r *room, now moment.Time) {
	if r.members > 1 {
		r.lingers = false
		r.members--
		return
	}
	until := r.left + c.opts.Linger
	if c.reads[r.name] != nil { // a read that came behind the leave would join the room for nobody
		until = max(until, now.Steady+leaveAgain)
	}
	if until > now.Steady {
		c.agenda.add(until, task{room: r, duty: leaveRoom})
		return
	}
	r.lingers = false
	c.unwatch([]string{r.name}, nil)
	if r.known > 0 {
		c.table.forget(r)
	}
	c.toLeave = append(c.toLeave, r.name)
}

// told takes what upstream says is missing before an event. It knows that better than the numbers
// of the events do: the numbers between two joins of a room were not missed.
func (v *value) told(e *hub.BroadcastEvent) { v.missing.count += uint64(e.Missed) }

// nextLeaves is what is offered to be left next.
func (c *core) nextLeaves() []string {
	n := min(len(c.toLeave), maxReads)
	return c.toLeave[:n:n]
}

// leavesSent says that nextLeaves was received.
func (c *core) leavesSent() {
	c.toLeave = c.toLeave[min(len(c.toLeave), maxReads):]
	if len(c.toLeave) == 0 {
		c.toLeave = nil
	}
}
