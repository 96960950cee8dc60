package redundant

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"backbone/client"
)

// wanted is the rooms that the program has joined, and how far each line is with them. run owns it.
// A room is asked of each line until the line has joined or refused it, and of a line that has
// refused it again on its next connection.
type wanted struct {
	rooms map[string]bool // whether a line has joined the room once
	sides []side
	joins []*join // that wait
}

// side is a line as run sees it.
type side struct {
	worker *worker // immutable
	up     bool    // it has a connection
	ended  bool
	failed error // why it has no connection; nil while it has, and before its first attempt
	busy   bool  // it has work
	rooms  map[string]standing
	todo   map[string]bool // rooms whose standing has to be looked at
}

// standing is what a line knows of a room. The zero standing is: nothing, it has not been asked.
type standing struct {
	state   state
	refusal client.Rejected // if refused
}

type state int

const (
	asked   state = 1 + iota
	joined        // until it is left, also without a connection
	leaving       // as asked or joined, and to be left, before it can be joined again
	refused
)

// join is a call of Join.
type join struct {
	rooms []string
	done  chan error // has a place
}

// want begins a join.
func (c *Conn) want(j *join) {
	c.wanted.joins = append(c.wanted.joins, j)
	for _, room := range j.rooms {
		if _, known := c.wanted.rooms[room]; !known {
			c.wanted.rooms[room] = false
		}
		c.merger.join(room)
		for i := range c.wanted.sides {
			s := &c.wanted.sides[i]
			if s.rooms[room].state == refused {
				delete(s.rooms, room)
			}
			s.todo[room] = true
		}
	}
	c.reconcile()
}

// abandon ends a join whose caller no longer waits.
func (c *Conn) abandon(j *join) {
	c.wanted.joins = slices.DeleteFunc(c.wanted.joins, func(other *join) bool { return other == j })
	c.undo(j.rooms)
	c.reconcile()
}

// undo forgets rooms that no line has joined and no join waits for.
func (c *Conn) undo(rooms []string) {
	for _, room := range rooms {
		waits := func(j *join) bool { return slices.Contains(j.rooms, room) }
		if once, known := c.wanted.rooms[room]; known && !once && !slices.ContainsFunc(c.wanted.joins, waits) {
			c.forget(room)
		}
	}
}

// leave forgets rooms. Its error has a *client.RequestError for each that was not joined.
func (c *Conn) leave(rooms []string) error {
	var errs []error
	for _, room := range rooms {
		if _, known := c.wanted.rooms[room]; known {
			c.forget(room)
		} else {
			errs = append(errs, notJoined(room))
		}
	}
	c.reconcile()
	return errors.Join(errs...)
}

func notJoined(room string) *client.RequestError {
	return &client.RequestError{Code: client.CodeNotJoined, Message: fmt.Sprintf("room: %q is not joined", room), Index: -1}
}

// forget delivers nothing more of a room, and has the lines leave it.
func (c *Conn) forget(room string) {
	delete(c.wanted.rooms, room)
	c.merger.leave(room)
	c.pending = slices.DeleteFunc(c.pending, func(ev client.Event) bool {
		switch ev := ev.(type) {
		case client.PriceUpdate:
			return ev.Instrument == room
		case client.Missed:
			return ev.Room == room
		}
		return false
	})
	for i := range c.wanted.sides {
		s := &c.wanted.sides[i]
		switch s.rooms[room].state {
		case asked, joined, leaving:
			s.rooms[room] = standing{state: leaving}
			s.todo[room] = true
		default:
			delete(s.rooms, room)
			delete(s.todo, room)
		}
	}
}

// reconcile gives work to the lines, and their results to the joins that wait for them.
func (c *Conn) reconcile() {
	for i := range c.wanted.sides {
		c.wanted.sides[i].giveWork(c.wanted.rooms)
	}
	var failed []string
	c.wanted.joins = slices.DeleteFunc(c.wanted.joins, func(j *join) bool {
		rejected, over := c.wanted.outcome(j)
		if !over {
			return false
		}
		var err error
		if len(rejected) > 0 {
			err = &client.JoinError{Rejected: rejected}
		}
		for _, r := range rejected {
			failed = append(failed, r.Room)
		}
		j.done <- err
		return true
	})
	c.undo(failed)
}

// giveWork gives the line what work there is, unless it has some.
func (s *side) giveWork(rooms map[string]bool) {
	if s.ended {
		clear(s.rooms)
		clear(s.todo)
	}
	if s.busy || len(s.todo) == 0 {
		return
	}
	var w work
	for _, room := range slices.Sorted(maps.Keys(s.todo)) {
		_, known := rooms[room]
		switch st := s.rooms[room].state; {
		case st == leaving:
			w.leave = append(w.leave, room)
			delete(s.rooms, room)
			if known {
				continue // it is to be joined after that
			}
		case st == 0 && known:
			w.join = append(w.join, room)
			s.rooms[room] = standing{state: asked}
		}
		delete(s.todo, room)
	}
	if len(w.leave)+len(w.join) > 0 {
		s.busy = true
		s.worker.work <- w
	}
}

// worked takes a line's report on its work.
func (c *Conn) worked(i int, w work, err error) {
	s := &c.wanted.sides[i]
	s.busy = false
	some, partly := errors.AsType[*client.JoinError](err)
	refusals := map[string]client.Rejected{}
	if partly {
		for _, r := range some.Rejected {
			refusals[r.Room] = r
		}
	}
	for _, room := range w.join {
		r, no := refusals[room]
		switch left := s.rooms[room].state == leaving; {
		case err != nil && !partly: // the line ends
			delete(s.rooms, room)
		case no && left:
			delete(s.rooms, room)
		case no:
			s.rooms[room] = standing{state: refused, refusal: r}
		case !left:
			s.rooms[room] = standing{state: joined}
			c.wanted.rooms[room] = true
		}
		if no {
			c.say(i, &client.RequestError{Code: r.Code, Message: r.Message, Index: -1})
		}
	}
	c.reconcile()
}

// rejoined takes what a line has joined again on its new connection.
func (s *side) rejoined(ev client.Rejoined) {
	for room, st := range s.rooms {
		if st.state == refused { // on a connection before
			delete(s.rooms, room)
			s.todo[room] = true
		}
	}
	for _, r := range ev.Rejected {
		if s.rooms[r.Room].state == joined {
			s.rooms[r.Room] = standing{state: refused, refusal: r}
		}
	}
}

// outcome is what has become of a join. It is over when each room has been joined by a line, or
// refused by every line that has a connection or makes its first attempt. rejected lists the latter.
func (w *wanted) outcome(j *join) (rejected []client.Rejected, over bool) {
	for _, room := range j.rooms {
		if _, known := w.rooms[room]; !known {
			e := notJoined(room) // any more
			rejected = append(rejected, client.Rejected{Room: room, Code: e.Code, Message: e.Message})
			continue
		}
		refusal, open, has := (*client.Rejected)(nil), false, false
		for i := range w.sides {
			s := &w.sides[i]
			switch st := s.rooms[room]; st.state {
			case joined:
				has = true
			case refused:
				refusal = &st.refusal
			default:
				open = open || s.failed == nil
			}
		}
		switch {
		case has:
		case open || refusal == nil:
			return nil, false
		default:
			rejected = append(rejected, *refusal)
		}
	}
	return rejected, true
}
