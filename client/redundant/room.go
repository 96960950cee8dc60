package redundant

import (
	"slices"
	"time"

	"backbone/client"
	"backbone/internal/epochs"
)

// room is what the merger knows of a room.
type room struct {
	epochs epochs.List[uint64] // highest number that was delivered, by count
	shown  key                 // the price that was delivered last
	begun  bool                // a price was delivered
	source int                 // the line whose prices without a stamp are delivered; -1: none
	lines  []line
}

// key names a price of a room. Those without a stamp have the zero key.
type key struct {
	epoch string
	seq   uint64
}

func keyOf(u *client.PriceUpdate) key { return key{u.Stamp.Epoch, u.Stamp.Seq} }

// line is what a line has brought of a room.
type line struct {
	here  bool                 // it has brought a price with a stamp on its connection
	level bool                 // here, and it lacks nothing that was delivered since
	last  key                  // the price that it brought last on its connection
	held  []client.PriceUpdate // while it is ahead, as brought; those of a connection that was lost count, too
	since time.Time            // the gap before held has been what it is
}

// gap is how many prices of the count are missing before u; -1: u was delivered. It is not known
// for a count that is new.
func (r *room) gap(u *client.PriceUpdate) (n int, known bool) {
	switch seq := r.epochs.Find(u.Stamp.Epoch); {
	case seq == nil:
		return 0, false
	case u.Stamp.Seq <= *seq:
		return -1, true
	default:
		return int(u.Stamp.Seq - *seq - 1), true
	}
}

// levelBut reports whether another line than i is level.
func (r *room) levelBut(i int) bool {
	for j := range r.lines {
		if j != i && r.lines[j].level {
			return true
		}
	}
	return false
}

// holds reports whether a line holds prices back.
func (r *room) holds() bool {
	return slices.ContainsFunc(r.lines, func(l line) bool { return len(l.held) > 0 })
}

// before is how many prices of the count of u are missing before it, for all that is known.
func (r *room) before(u *client.PriceUpdate) int {
	gap, known := r.gap(u)
	if !known {
		return int(u.Stamp.Seq)
	}
	return gap
}
