package ingest

import (
	"math"
	"slices"

	"backbone/internal/hub"
)

// missingState is the account of the live events of other instances that did not arrive,
// of one room and type while the room has members.
type missingState struct {
	positions []position // one for each other instance
	count     uint64     // lost, or dropped as too old, since the last event that was passed on
}

// position is how far an instance's live events of a room and type have been seen.
type position struct {
	instance string
	seq      uint64
	clock    uint64 // of the event with this seq
	life     uint32 // of the count that seq belongs to
}

// maxPositions bounds the positions of one room and type; the oldest goes first.
const maxPositions = 16

// take returns the count and begins a new one. What an event cannot tell, the next one tells.
func (m *missingState) take() uint32 {
	n := uint32(min(m.count, math.MaxUint32))
	m.count -= uint64(n)
	return n
}

// advance notes that a value of another instance arrived for a room with members. It
// returns how many live events of that instance were skipped since the last one that
// arrived, and whether e is a live event that was not counted as lost before.
//
// A position begins with a live event. The events before the first one, or before a
// value that was offered again, may be from before the members joined.
func (m *missingState) advance(e *hub.BroadcastEvent) (lost uint64, fresh bool) {
	live := e.Kind == hub.State
	if e.Seq == 0 {
		return 0, live
	}
	i := slices.IndexFunc(m.positions, func(p position) bool { return p.instance == e.Version.Instance })
	if i < 0 {
		if live {
			if len(m.positions) == maxPositions {
				m.positions = slices.Delete(m.positions, 0, 1)
			}
			m.positions = append(m.positions, position{e.Version.Instance, e.Seq, e.Version.Clock, e.Life})
		}
		return 0, live
	}
	p := &m.positions[i]
	if e.Version.Clock <= p.clock {
		return 0, false
	}
	lost = e.Seq
	if e.Seq > p.seq && e.Life == p.life {
		lost -= p.seq
	} // else its instance had forgotten the room, and counts from 1 again; builds from before stamps tell no life
	if live {
		lost--
	}
	p.seq, p.clock, p.life = e.Seq, e.Version.Clock, e.Life
	return lost, live
}

// account counts what is missing before e, which order compares with the newest known value.
func (c *core) account(v *value, e *hub.BroadcastEvent, order int) {
	lost, fresh := v.missing.advance(e)
	v.missing.count += lost
	c.stats.Lost += lost
	if fresh && order <= 0 {
		v.missing.count++ // it came, but too late to be passed on
	}
}
