package ingest

import (
	"slices"

	"backbone/internal/hub"
)

// position is how far an origin's live events of a room have been seen.
type position struct {
	origin string
	seq    uint64
	clock  uint64 // of the event with this seq
}

// maxOrigins bounds the positions kept for one room; the oldest goes first.
const maxOrigins = 16

// advance notes that a value of another instance arrived for a room with members. It
// returns how many of its origin's live events since the last one that arrived did not;
// and whether e is a live event that was not counted as lost before.
//
// A position begins with a live event: how many came before the first one, or before a
// value that was offered again, says nothing about those since the members joined.
func (v *value) advance(e *hub.BroadcastEvent) (lost uint64, fresh bool) {
	live := e.Kind == hub.State
	if e.Seq == 0 {
		return 0, live
	}
	i := slices.IndexFunc(v.origins, func(p position) bool { return p.origin == e.Version.Instance })
	if i < 0 {
		if live {
			if len(v.origins) == maxOrigins {
				v.origins = slices.Delete(v.origins, 0, 1)
			}
			v.origins = append(v.origins, position{e.Version.Instance, e.Seq, e.Version.Clock})
		}
		return 0, live
	}
	p := &v.origins[i]
	if e.Version.Clock <= p.clock {
		return 0, false
	}
	lost = e.Seq
	if e.Seq > p.seq {
		lost -= p.seq
	} // else its origin had forgotten the room, and counts from 1 again
	if live {
		lost--
	}
	p.seq, p.clock = e.Seq, e.Version.Clock
	return lost, live
}
