package redundant

import (
	"slices"
	"time"

	"backbone/client"
)

// maxEpochs bounds the counts that are remembered for a room: one for each instance with a
// producer of it, and what restarts left.
const maxEpochs = 8

// room is what the merger knows of a room.
type room struct {
	epochs []count // the one that was delivered last is last
	shown  key     // the price that was delivered last
	begun  bool    // a price was delivered
	source int     // the line whose prices without a stamp are delivered; -1: none
	lines  []line
}

// count is one count of an instance.
type count struct {
	epoch string
	seq   uint64 // highest that was delivered
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
	for _, c := range r.epochs {
		if c.epoch == u.Stamp.Epoch {
			if u.Stamp.Seq <= c.seq {
				return -1, true
			}
			return int(u.Stamp.Seq - c.seq - 1), true
		}
	}
	return 0, false
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

func (r *room) note(u *client.PriceUpdate) {
	last := len(r.epochs) - 1
	i := slices.IndexFunc(r.epochs, func(c count) bool { return c.epoch == u.Stamp.Epoch })
	switch {
	case i == last && i >= 0:
		r.epochs[i].seq = u.Stamp.Seq
		return
	case i >= 0:
		r.epochs = slices.Delete(r.epochs, i, i+1)
	case len(r.epochs) == maxEpochs:
		r.epochs = slices.Delete(r.epochs, 0, 1)
	}
	r.epochs = append(r.epochs, count{u.Stamp.Epoch, u.Stamp.Seq})
}

// before is how many prices of the count of u are missing before it, for all that is known.
func (r *room) before(u *client.PriceUpdate) int {
	gap, known := r.gap(u)
	if !known {
		return int(u.Stamp.Seq)
	}
	return gap
}
