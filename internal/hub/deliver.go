package hub

// deliver moves what is held for c into its queue, as long as its unsent bytes are under
// the limit, and into its lag list otherwise.
func (h *Hub) deliver(c *Client) {
	if c.lag == nil && c.unsent() > h.opts.QueueBytes {
		h.beginLag(c, false)
	}
	if c.lag != nil {
		h.conflate(c)
		return
	}
	if c.entering {
		return
	}
	for c.held.size > 0 && len(c.queue) < queuePlaces {
		b := c.held.split(MaxWrite)
		c.hint = uint16(len(b.others()))
		h.enqueue(c, b)
	}
	if c.held.size > 0 {
		h.signalBehind(c)
	}
}

// enqueue puts b into c's queue, which has a place for it because only the hub sends there.
func (h *Hub) enqueue(c *Client, b Batch) {
	c.sizes[c.next] = b.size
	c.next = (c.next + 1) % uint8(len(c.sizes))
	select {
	case c.queue <- b:
	default:
		panic("hub: more signals than places for them")
	}
	if c.ready != nil {
		h.list(c)
	}
}

// signalBehind tells c's write side that there is something to pull.
func (h *Hub) signalBehind(c *Client) {
	if !c.signalled && !c.entering {
		c.signalled = true
		h.enqueue(c, Batch{Signal: Behind})
	}
}

// close ends what c gets and tells its write side to end. Its rooms are left by Unregister, which
// takes its time.
func (h *Hub) close(c *Client, why Signal) {
	if c.closing {
		return
	}
	waits := c.entering || h.waiting[c] != nil
	c.closing, c.entering = true, false
	switch {
	case why == CloseSlow:
		h.drop(c)
	case waits:
		h.takeWaiting(c)
		h.deliver(c)
	}
	h.enqueue(c, Batch{Signal: why})
}

// drop counts and frees what c will never get.
func (h *Hub) drop(c *Client) {
	for range len(c.queue) {
		select {
		case b := <-c.queue:
			b.segments(func(s *Segment) { h.stats.Dropped += s.live })
		default: // the WritePump received it meanwhile
		}
	}
	c.held.segments(func(s *Segment) { h.stats.Dropped += s.live })
	c.held = Batch{}
	h.dropWaiting(c)
	if c.lag != nil {
		h.stats.Dropped += c.lag.live()
		h.endLag(c)
	}
}
