package ingest

import (
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// warmState is what a room's warm starts need to know.
type warmState struct {
	read      uint64 // generation in which Redis was last read; 0: never
	rereading bool   // a task reads again
	resyncDue bool   // the room still has to request a resync, once it was read
}

// pendingRead is a read of a room's last values that is under way. A room has at most one,
// however many clients join, leave and join again.
type pendingRead struct {
	generation uint64 // in which it was requested
	waiting    bool   // a joiner has got nothing yet
	absent     bool   // such a joiner wants to be told if there is no value
}

// rereadDelay is the longest wait until last values that could not be read are read again,
// if the room has members. It is part of the time to heal.
const rereadDelay = time.Second

// watch counts a member of each room in and gives it its warm start. That comes immediately
// if memory was set since the last generation began, and after a read otherwise. The
// member is also told what it wants: if there is no last value, and if the room's feed is
// silent.
//
// Only a read proves that nothing newer exists. An event does not: a local one may
// have a lower version than one that was missed, and a remote one may have arrived before
// the generation began. So there is one read for each room and generation in any case. If
// memory is current as far as this instance knows, the joiner does not wait for the read.
func (c *core) watch(rooms []string, wants hub.Wants, now moment.Time) (pass []hub.BroadcastEvent) {
	pass = make([]hub.BroadcastEvent, 0, len(rooms))
	for _, name := range rooms {
		if c.table == nil {
			if wants.Absent {
				pass = append(pass, c.absent(name))
			}
			continue
		}
		c.table.comeBack(name, now)
		r := c.table.watch(name)
		if r.members == 1 {
			c.observeFeed(r, now)
		}
		if q := c.read(r); q == nil || c.current(r, now) {
			pass = c.warm(pass, r, wants.Absent, now, nil)
		} else {
			q.waiting, q.absent = true, q.absent || wants.Absent
		}
		if wants.Status {
			pass = c.watchFeed(r, wants.Group, now, pass)
		}
	}
	return pass
}

// current reports whether memory has values of the room, all set since the last generation
// began.
func (c *core) current(r *room, now moment.Time) bool {
	alive := 0
	for v := range r.values {
		if v.fresh(now, c.opts.TTL) {
			if v.heard != c.generation[r.partition] {
				return false
			}
			alive++
		}
	}
	return alive > 0
}

// unwatch counts a member of each room out; groups are those of its rooms that it wanted the
// status of, by the name of the room; group 0 may be left out.
func (c *core) unwatch(rooms []string, groups map[string]uint32) {
	if c.table == nil {
		return
	}
	for _, name := range rooms {
		r := c.table.unwatch(name)
		switch group := groups[name]; {
		case r.members == 0:
			c.forgetFeed(r)
		case group != 0:
			r.feed.lookNoMore(c.after(group), group)
		}
	}
}

// read requests the room's last values unless that was done in this generation. It
// returns the read if it is still under way, nil otherwise.
func (c *core) read(r *room) *pendingRead {
	now := c.generation[r.partition]
	if !c.reading() || r.warm.read == now {
		return nil
	}
	q := c.reads[r.name]
	if q == nil {
		q = &pendingRead{generation: now}
		c.reads[r.name] = q
		c.toRead = append(c.toRead, r.name)
	}
	return q
}

// warm appends what a new member gets of the room first: the last value of each type, but
// none of those that all members get in the same step. absent has it told if there is
// none.
func (c *core) warm(pass []hub.BroadcastEvent, r *room, absent bool, now moment.Time, given map[*value]bool) []hub.BroadcastEvent {
	found := false
	for v := range r.values {
		if !v.alive(now, c.opts.TTL) {
			continue
		}
		found = true
		if !given[v] {
			pass = append(pass, hub.BroadcastEvent{
				Room: r.name, Type: v.typ, Kind: hub.Warm, Payload: c.opts.Snapshot(v.payload), Version: v.version, Born: v.born, Transit: v.transit,
				Seq: v.number, At: v.at, Life: v.life,
			})
		}
	}
	if absent && !found {
		pass = append(pass, c.absent(r.name))
	}
	return pass
}

func (c *core) absent(room string) hub.BroadcastEvent {
	return hub.BroadcastEvent{Room: room, Kind: hub.Absent, Payload: c.opts.NoSnapshot(room)}
}

// lastPrices takes the result of a read. Values that are newer than the known ones go to
// all members. Joiners that wait get the others from memory.
func (c *core) lastPrices(rooms []string, found []hub.BroadcastEvent, failed bool, now moment.Time) (pass []hub.BroadcastEvent) {
	var given map[*value]bool
	for i := range found {
		e := &found[i]
		c.observe(e.Version.Clock, now)
		if c.reads[e.Room] == nil {
			continue // it was not requested
		}
		r := c.table.watched(e.Room)
		if r == nil || now.Since(e.Born) >= c.opts.TTL {
			continue // nobody needs it any more
		}
		v := r.of(e.Type)
		switch {
		case v == nil:
			v = c.table.value(r, e)
		case e.Version.Compare(v.version) <= 0:
			continue
		}
		if !v.known() && c.opts.Ends(e.Payload) { // its members have none
			c.adopt(v, e, now)
			continue
		}
		c.replace(v, e, now)
		pass = append(pass, *e)
		if given == nil {
			given = map[*value]bool{}
		}
		given[v] = true
	}
	for _, name := range rooms {
		q := c.reads[name]
		if q == nil {
			continue
		}
		delete(c.reads, name)
		r := c.table.watched(name)
		if r == nil {
			continue
		}
		if failed {
			c.readAgain(r, now)
		} else {
			r.warm.read = q.generation
			// Redis may not have yet what another instance knows: as nothing else brings that, it is
			// asked for however full the outbox is. Or Redis has forgotten it, as after FLUSHALL.
			if !c.due.Has(int(r.partition)) && (c.opts.StoredLate || !c.full() && !r.fresh(now, c.opts.TTL)) {
				r.warm.resyncDue = true
			}
			if c.read(r) == nil { // else another generation began meanwhile
				c.requestResync(r, now)
			}
		}
		if q.waiting {
			pass = c.warm(pass, r, q.absent, now, given)
		}
	}
	return pass
}

// readAgain has last values that could not be read be read later.
func (c *core) readAgain(r *room, now moment.Time) {
	if !r.warm.rereading {
		r.warm.rereading = true
		delay := rereadDelay/2 + c.opts.Delay(rereadDelay/2)
		c.agenda.add(now.Steady+delay, task{room: r, duty: reread})
	}
}

// nextReads is what the bridge is offered to read next.
func (c *core) nextReads() []string {
	n := min(len(c.toRead), maxReads)
	return c.toRead[:n:n]
}

// maxReads is how many rooms one read is of, because handling its result must not take
// long.
const maxReads = 1000

// readsSent says that the bridge received nextReads.
func (c *core) readsSent() {
	c.toRead = c.toRead[min(len(c.toRead), maxReads):]
	if len(c.toRead) == 0 {
		c.toRead = nil
	}
}
