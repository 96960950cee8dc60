package ingest

import (
	"time"

	"backbone/internal/hub"
)

// pendingRead is a read of a room's last price that was not answered yet. There is one of
// a room at a time, however many join, leave and join again.
type pendingRead struct {
	generation uint64 // in which it was asked
	waiting    bool   // a joiner has heard nothing yet
	absent     bool   // one of them asked to be told if there is nothing
}

// rereadDelay is how long a last price that could not be read is let alone at most,
// where a room has members. It is part of the time to heal.
const rereadDelay = time.Second

// watch counts a member of each room in and answers its warm start: at once where
// memory was set since the last link, after a read otherwise. It is told what else it
// wants: where there is no last price, and where the room's feed is silent.
//
// Only a read proves that nothing newer exists. An event does not: one from here may
// have a lower version than one that was missed, and one from elsewhere may have
// arrived on the link before. So there is one read for each room and link in any case;
// if memory is current as far as it knows, the joiner just does not wait for it.
func (c *core) watch(rooms []string, wants hub.Wants, now time.Time) (pass []hub.BroadcastEvent) {
	for _, room := range rooms {
		if c.table == nil {
			if wants.Absent {
				pass = append(pass, c.absent(room))
			}
			continue
		}
		v := c.table.watch(room)
		if v.members == 1 {
			c.observeFeed(v, now)
		}
		current := v.heard == c.generation[v.partition] && v.alive(now, c.opts.TTL)
		if q := c.read(v); q == nil || current {
			pass = c.warm(pass, v, wants.Absent, now)
		} else {
			q.waiting, q.absent = true, q.absent || wants.Absent
		}
		if wants.Status && v.silent {
			pass = append(pass, c.feed(v, hub.StatusNow))
		}
	}
	return pass
}

// unwatch counts a member of each room out.
func (c *core) unwatch(rooms []string) {
	if c.table == nil {
		return
	}
	for _, room := range rooms {
		if v := c.table.unwatch(room); v.members == 0 && v.expected != nil {
			c.agenda.remove(v.expected)
			v.expected = nil
		}
	}
}

// read asks for the room's last price unless that was done since the last link. It
// returns the question if its answer is to come, nil otherwise.
func (c *core) read(v *value) *pendingRead {
	now := c.generation[v.partition]
	if !c.bridged() || v.read == now {
		return nil
	}
	q := c.reads[v.room]
	if q == nil {
		q = &pendingRead{generation: now}
		c.reads[v.room] = q
		c.toRead = append(c.toRead, v.room)
	}
	return q
}

// warm appends what a new member hears of the room first; absent has it told if there is
// nothing.
func (c *core) warm(pass []hub.BroadcastEvent, v *value, absent bool, now time.Time) []hub.BroadcastEvent {
	switch {
	case v.alive(now, c.opts.TTL):
		return append(pass, hub.BroadcastEvent{Room: v.room, Kind: hub.Warm, Payload: c.opts.Snapshot(v.payload), Version: v.version})
	case absent:
		return append(pass, c.absent(v.room))
	}
	return pass
}

func (c *core) absent(room string) hub.BroadcastEvent {
	return hub.BroadcastEvent{Room: room, Kind: hub.Absent, Payload: c.opts.NoSnapshot(room)}
}

// lastPrices takes the answer to a read. What is newer than the known value goes to
// all members; otherwise those that wait get what memory has.
func (c *core) lastPrices(rooms []string, found []hub.BroadcastEvent, failed bool, now time.Time) (pass []hub.BroadcastEvent) {
	for i := range found {
		e := &found[i]
		c.observe(e.Version.Clock, now)
		q := c.reads[e.Room]
		if q == nil {
			continue // not asked for
		}
		v := c.table.watched(e.Room)
		if v == nil || e.Version.Compare(v.version) <= 0 || now.UnixNano()-e.Born >= int64(c.opts.TTL) {
			continue
		}
		c.replace(v, e)
		pass = append(pass, *e)
		q.waiting = false
	}
	for _, room := range rooms {
		q := c.reads[room]
		if q == nil {
			continue
		}
		delete(c.reads, room)
		v := c.table.watched(room)
		if v == nil {
			continue
		}
		if failed {
			c.readAgain(v, now)
		} else {
			v.read = q.generation
			if c.read(v) == nil { // else it was linked anew meanwhile
				c.requestResync(v, now)
			}
		}
		if q.waiting {
			pass = c.warm(pass, v, q.absent, now)
		}
	}
	return pass
}

// readAgain has a last price that could not be read be read later.
func (c *core) readAgain(v *value, now time.Time) {
	if !v.again {
		v.again = true
		delay := rereadDelay/2 + c.opts.Delay(rereadDelay/2)
		c.agenda.add(now.Add(delay).UnixNano(), v, reread)
	}
}

// nextReads is what the bridge is offered to read next.
func (c *core) nextReads() []string {
	n := min(len(c.toRead), maxReads)
	return c.toRead[:n:n]
}

// maxReads is how many rooms are read at once: handling the answer must not take long.
const maxReads = 1000

// readsSent says that the bridge took nextReads.
func (c *core) readsSent() {
	c.toRead = c.toRead[min(len(c.toRead), maxReads):]
	if len(c.toRead) == 0 {
		c.toRead = nil
	}
}
