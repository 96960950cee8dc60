package redundant

import (
	"errors"
	"slices"
	"time"

	"backbone/client"
)

// hear takes an event of a line.
func (c *Conn) hear(i int, ev client.Event) {
	s := &c.wanted.sides[i]
	switch ev := ev.(type) {
	case client.PriceUpdate:
		c.merger.price(i, ev, time.Now())
		return
	case client.Retired: // to the merger a price without a text
		c.merger.price(i, client.PriceUpdate{Instrument: ev.Instrument, Snapshot: ev.Snapshot, Stamp: ev.Stamp}, time.Now())
		return
	case client.Connected:
		c.merger.down(i) // nothing of the connection before counts
		first := !c.anyUp()
		if s.up, s.failed = true, nil; first {
			c.begin(nil)
			c.deliver(ev)
		}
	case client.Disconnected:
		was := s.up
		s.up, s.failed = false, ev.Err
		c.merger.down(i)
		if was && !c.anyUp() {
			c.deliver(ev)
		}
		c.allTried()
		c.reconcile()
	case client.Rejoined:
		s.rejoined(ev)
		c.reconcile()
	case client.Moved:
		s.rejoined(client.Rejoined{Rejected: ev.Rejected})
		c.reconcile()
	case *client.RequestError:
	default: // of a room, and not a price
		return
	}
	c.say(i, ev)
}

// show delivers what the merger lets through.
func (c *Conn) show(ev client.Event) {
	if u, ok := ev.(client.PriceUpdate); ok && u.Price == "" {
		ev = client.Retired{Instrument: u.Instrument, Snapshot: u.Snapshot, Stamp: u.Stamp}
	}
	c.deliver(ev)
}

// say tells the program what a line says about itself.
func (c *Conn) say(i int, ev client.Event) {
	if c.onLine != nil {
		c.onLine(i, ev)
	}
}

// lineEnded takes the end of a line: it was refused, or the Conn ends.
func (c *Conn) lineEnded(i int, err error) {
	c.ended++
	c.wanted.sides[i].ended = true
	c.hear(i, client.Disconnected{Err: err})
}

func (c *Conn) anyUp() bool {
	return slices.ContainsFunc(c.wanted.sides, func(s side) bool { return s.up })
}

// allTried ends the dial if every line has failed, unless it goes on trying.
func (c *Conn) allTried() {
	for _, s := range c.wanted.sides {
		if s.failed == nil || s.worker.keepTrying && c.ended < len(c.wanted.sides) {
			return
		}
	}
	c.begin(c.failures())
}

func (c *Conn) failures() error {
	var errs []error
	for _, s := range c.wanted.sides {
		errs = append(errs, s.failed)
	}
	return errors.Join(errs...)
}

// begin ends the dial with err, if it has not ended.
func (c *Conn) begin(err error) {
	select {
	case c.begun <- err:
	default: // Dial has returned, or will
	}
}
