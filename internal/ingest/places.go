package ingest

import (
	"slices"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// pastLife returns a value of h past its life whose room may be forgotten, as far as a few looks find
// it.
func (h *holder) pastLife(now moment.Time, ttl time.Duration) *value {
	for range min(maxLooks, h.held) {
		v := h.oldest
		if h.alone(v.room) && !v.room.alive(now, ttl) {
			return v
		}
		h.remove(v)
		h.append(v)
	}
	return nil
}

// place reports whether there is a place for a new value of h and of a room, nil if that is new
// too, after another one gave way if it had to.
func (c *core) place(h *holder, r *room, now moment.Time) bool {
	if most := c.opts.MaxOfProducer; most > 0 && !h.remote && h.held >= most { // it gives way to itself alone
		v := h.pastLife(now, c.opts.TTL)
		if v != nil {
			c.table.displace(v, now)
			c.stats.Displaced++
		}
		return v != nil
	}
	if c.table.known < c.opts.MaxInstruments {
		return true
	}
	if !c.table.makePlace(h, r, now, c.opts.TTL) {
		return false
	}
	c.stats.Displaced++
	c.noPlace(now)
	return true
}

// hasPlace reports whether a remote value of a new type may be kept. r is nil for a room
// that is not in the table. The members of a room get all values of the types that this
// instance knows, however many instruments there are.
func (c *core) hasPlace(r *room, e *hub.BroadcastEvent, now moment.Time) bool {
	if r != nil && r.members > 0 && slices.Contains(c.opts.Types, e.Type) {
		return true
	}
	if r != nil && r.types >= maxTypes {
		return false
	}
	if c.opts.Ends(e.Payload) {
		return c.placeForEnd(r, now)
	}
	return c.place(c.table.holder(e.Version.Instance, true), r, now)
}

// placeForEnd is place for a value that ends one that is not known. No living value gives way for it, and
// the members of a room hear of it whatever places there are.
func (c *core) placeForEnd(r *room, now moment.Time) bool {
	if c.table.known < c.opts.MaxInstruments || r != nil && r.members > 0 {
		return true
	}
	v := c.table.expired(now, c.opts.TTL)
	if v != nil && v.room != r {
		c.table.displace(v, now)
		c.stats.Displaced++
	}
	return v != nil
}

// noPlace says in the log that not all instruments have a place, once a minute.
func (c *core) noPlace(now moment.Time) {
	if now.Steady < c.placesQuiet {
		return
	}
	c.placesQuiet = now.Steady + skewQuiet
	line := c.opts.Logger
	if most := c.table.holdsMost(false); most != nil {
		line = line.With("most_held_by", most.name, "held", most.held)
	}
	line.Warn("too many instruments: new ones take the places of old ones, or are refused; raise --max-instruments or --max-instruments-per-key, or stop who publishes too many",
		"limit", c.opts.MaxInstruments, "displaced", c.stats.Displaced, "refused", c.stats.TooMany)
}
