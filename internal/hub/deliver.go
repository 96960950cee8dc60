package hub

// deliver moves what is held for c into its queue, as long as its unsent bytes are under
// the limit, and into its lag list otherwise.
func (h *Hub) deliver(c *Client) {
	if c.lag == nil && c.unsent() > h.opts.QueueBytes {
		c.lag = newLagList()
		h.stats.Lagging++
		h.stats.Lags++
	}
	if c.lag != nil {
		h.conflate(c)
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

// signalBehind tells c's writing side that there is something to pull.
func (h *Hub) signalBehind(c *Client) {
	if !c.signalled {
		c.signalled = true
		h.enqueue(c, Batch{Signal: Behind})
	}
}

// conflate moves what is held for a lagging client into its lag list. One fixed frame is
// accepted whatever its size: a client that asked for a long reply is not slow.
func (h *Hub) conflate(c *Client) {
	c.held.segments(func(s *Segment) {
		skipped, dropped := c.lag.add(s)
		h.stats.Conflated += skipped
		h.stats.Dropped += dropped
	})
	c.held = Batch{}
	if c.lag.fixed > maxFixedFrames || c.lag.fixed > 1 && c.lag.bytes > h.opts.QueueBytes {
		h.stats.Slow++
		h.close(c, CloseSlow)
		return
	}
	h.signalBehind(c)
}

// pull enqueues more for c, whose writing side had emptied its queue. If nothing is held,
// c gets an empty batch and so knows that. If the queue has got something since, c has to
// write that first, and is signalled again.
func (h *Hub) pull(c *Client) {
	c.signalled = false
	switch {
	case c.lag == nil:
		h.deliver(c)
		if len(c.queue) == 0 {
			h.enqueue(c, Batch{})
		}
	case len(c.queue) > 0:
		h.signalBehind(c)
	default:
		h.enqueue(c, h.nextLagged(c))
	}
}

// nextLagged removes a batch from the front of c's lag list.
func (h *Hub) nextLagged(c *Client) Batch {
	s := c.lag.take(min(pullBytes, h.opts.QueueBytes/2), func(dst []byte, room string, skipped uint64) []byte {
		return h.opts.Frame(dst, h.opts.Conflated(room, skipped))
	})
	b := Batch{one: s, size: int32(len(s.Data)), More: c.lag.order.Len() > 0}
	if b.More {
		c.signalled = true
	} else {
		c.lag = nil
		h.stats.Lagging--
	}
	return b
}

// close takes c out of all rooms and tells its writing side to end.
func (h *Hub) close(c *Client, why Signal) {
	if c.closing {
		return
	}
	c.closing = true
	h.removeAll(c)
	if why == CloseSlow {
		h.drop(c)
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
	if c.lag != nil {
		h.stats.Dropped += c.lag.live()
		c.lag = nil
		h.stats.Lagging--
	}
}
