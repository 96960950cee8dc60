package client

import (
	"slices"
	"sync"

	"backbone/internal/epochs"
	"backbone/protocol"
)

// roomCounts is what the stamps of a room's prices said. The reader owns it; between two
// connections run.
type roomCounts struct {
	epochs  epochs.List[epochCount]
	away    bool     // no price has come since the connection was lost
	skipped uint64   // events that were left out since then, and are in no gap so far
	fresh   bool     // nothing new has come since another connection took over
	shown   stampKey // of the price that came last
}

// epochCount is one count of an instance.
type epochCount struct {
	seq  uint64 // highest that came
	away bool   // no live price has come since the connection was lost
}

// stampKey tells prices of a room apart.
type stampKey struct {
	epoch string
	seq   uint64
}

// epoch returns the text of an epoch, without an allocation if it came before.
func (c *roomCounts) epoch(b []byte) string {
	if c == nil {
		return string(b)
	}
	return c.epochs.Name(b)
}

// lost notes that the connection was lost.
func (r *joinedRooms) lost() {
	for room := range r.names {
		if r.stamped(room) && r.counts[room] == nil {
			r.counts[room] = &roomCounts{}
		}
	}
	for _, c := range r.counts {
		c.away, c.skipped = true, 0
		c.epochs.All(func(e *epochCount) { e.away = true })
	}
}

// moved notes that another connection takes over, which has brought all since before this one ended.
func (r *joinedRooms) moved() {
	for _, c := range r.counts {
		c.fresh, c.skipped = true, 0
		c.epochs.All(func(e *epochCount) { e.away = true })
	}
}

// newHere reports whether all that came in a room since another connection took over may have come before.
// early is whether it came while the other went on.
func (r *joinedRooms) newHere(room string, early bool) bool {
	c := r.counts[room]
	return c != nil && c.fresh || c == nil && early
}

// repetition is what a price is to those that another connection has brought.
type repetition int

const (
	isNew      repetition = iota
	cameBefore            // it came before
	isBack                // it came before, but is newer than what came from this connection since
)

// repeated says what the price is, on a connection that has taken over.
func (r *joinedRooms) repeated(u *PriceUpdate) repetition {
	c := r.counts[u.Instrument]
	if c == nil || u.Stamp == nil {
		return isNew
	}
	if e := c.epochs.Find(u.Stamp.Epoch); e == nil || u.Stamp.Seq > e.seq {
		c.fresh = false
		return isNew
	}
	if c.fresh || c.shown == (stampKey{u.Stamp.Epoch, u.Stamp.Seq}) {
		return cameBefore
	}
	return isBack
}

// stamped reports whether the program wants stamps in the room.
func (r *joinedRooms) stamped(room string) bool {
	opt, _ := r.options.Load(room)
	return opt != nil && opt.(JoinOptions).Stamp
}

// rated reports whether the program wants no more than so many prices of the room.
func (r *joinedRooms) rated(room string) bool {
	opt, _ := r.options.Load(room)
	return opt != nil && opt.(JoinOptions).MaxRate > 0
}

// plain returns the rooms whose stamps the program does not want.
func (r *joinedRooms) plain() (rooms []string) {
	for room, opt := range r.options.Range {
		if !opt.(JoinOptions).Stamp {
			rooms = append(rooms, room.(string))
		}
	}
	slices.Sort(rooms)
	return rooms
}

// forgetExtra forgets the counts of rooms whose stamps the program does not want.
func (r *joinedRooms) forgetExtra() {
	r.extra.Clear()
	for room := range r.counts {
		if !r.stamped(room) {
			delete(r.counts, room)
		}
	}
}

// left notes that live events of a room were left out.
func (r *joinedRooms) left(room string, skipped uint64) {
	if c := r.counts[room]; c != nil {
		c.skipped += skipped
	}
}

// missed notes a price. It reports whether events were missed before it.
func (r *joinedRooms) missed(u *PriceUpdate) (m Missed, told bool) {
	room, s := u.Instrument, u.Stamp
	c := r.counts[room]
	if c == nil {
		if _, joined := r.names[room]; s == nil || !joined {
			return Missed{}, false
		}
		c = &roomCounts{}
		r.counts[room] = c
	}
	first := c.away
	c.away = false
	if s == nil { // what it is in its count is not known, nor what comes between it and others
		c.epochs.Clear()
		return Missed{Room: room}, first
	}
	c.shown = stampKey{s.Epoch, s.Seq}
	e, known := c.epochs.Touch(s.Epoch)
	if !known {
		*e = epochCount{seq: s.Seq, away: first && u.Snapshot}
		return Missed{Room: room}, first
	}
	before, away := e.seq, e.away
	e.seq, e.away = max(before, s.Seq), away && u.Snapshot
	if !away || s.Seq <= before+1 {
		return Missed{}, false
	}
	gap := s.Seq - before - 1
	left := min(gap, c.skipped)
	m = Missed{Room: room, Events: gap - left, Exact: c.epochs.Len() == 1 || c.skipped == 0}
	if c.epochs.Len() == 1 { // else it may be in the gap of another count
		c.skipped -= left
	}
	return m, m.Events > 0 || !m.Exact
}

// joinedRooms is the rooms that the server has confirmed, and that the next connection
// joins again.
type joinedRooms struct {
	// Owned by the reader; between two connections by run. Each name maps to itself, so that
	// looking up received bytes gives a string without an allocation.
	names map[string]string

	counts map[string]*roomCounts // of rooms with stamps; owned as names is

	// JoinOptions by room, for the same rooms. Written by the owner of names, read by any
	// goroutine.
	options sync.Map

	// Joined prefixes with their JoinOptions, which a call adds before it asks, and the rooms that are joined
	// because of one alone. Otherwise as options.
	prefixes, ofPrefix sync.Map

	// Rooms whose stamps were turned on for a move. The move adds to it, and the owner of names removes.
	extra sync.Map
}

// keeping returns what to ask the server for when a program asks for opt: of a joined room what it has, where a join
// does not change that. It may be one that waits to be joined again, which joins it.
func (r *joinedRooms) keeping(room string, opt JoinOptions) JoinOptions {
	if of, joined := r.options.Load(room); joined {
		had := of.(JoinOptions)
		opt.MarkEmpty, opt.Status, opt.SilentAfter = had.MarkEmpty, had.Status, had.SilentAfter
	}
	return opt
}

// add notes that room is joined for a program that asks for opt, if it was not joined before with what was sent. It
// is false for a room that has other options than these.
func (r *joinedRooms) add(room string, opt, sent JoinOptions) bool {
	if !protocol.ValidRoom(room) {
		return true
	}
	if of, joined := r.options.Load(room); joined {
		sent = of.(JoinOptions)
	}
	asAsked := sent.change(opt)
	r.names[room] = room
	r.options.Store(room, sent)
	return asAsked
}

func (r *joinedRooms) remove(room string) {
	delete(r.names, room)
	delete(r.counts, room)
	r.options.Delete(room)
	r.ofPrefix.Delete(room)
	r.extra.Delete(room)
}

// still is the rooms without those that were rejected, or left meanwhile, sorted.
func (r *joinedRooms) still(rooms []string) []string {
	slices.Sort(rooms)
	return slices.DeleteFunc(slices.Compact(rooms), func(room string) bool {
		_, joined := r.names[room]
		return !joined
	})
}
