package ingest

// maxPriced bounds the rooms that have got a price and wait for who wants to know. It takes them at once.
const maxPriced = 1 << 14

// pricedRooms are the rooms that have got a price, until they are taken.
type pricedRooms struct {
	wanted bool // somebody takes them
	names  []string
	lost   bool // there were more, and all of them are left out
}

// note takes a room of which no price was known until now.
func (p *pricedRooms) note(room string) {
	switch {
	case !p.wanted || p.lost:
	case len(p.names) >= maxPriced:
		p.names, p.lost = nil, true
	default:
		p.names = append(p.names, room)
	}
}

// wait reports whether there is something to take.
func (p *pricedRooms) wait() bool { return p.lost || len(p.names) > 0 }

// sent says that names were taken.
func (p *pricedRooms) sent() { p.names, p.lost = nil, false }

// nextPriced is what is offered next, and to whom, nil if there is nothing.
func (c *core) nextPriced() (to chan<- []string, names []string) {
	if c.table == nil || !c.table.priced.wait() {
		return nil, nil
	}
	return c.opts.Priced, c.table.priced.names
}
