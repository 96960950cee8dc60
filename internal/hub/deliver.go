package hub

// deliver passes on what is held for c: into its queue while its unsent bytes stay
// under the limit, into its lag list beyond.
func (h *Hub) deliver(c *Client) {
	if c.lag == nil && c.unsent() > h.opts.QueueBytes {
		c.lag = newLagList()
		h.stats.Lagging++
		h.stats.Lags++
	}
	if c.lag != nil {
		h.fold(c)
		return
	}
	for c.held.size > 0 && len(c.queue) < queuePlaces {
		b := c.held.split(MaxWrite)
		c.hint = uint16(len(b.others()))
		h.put(c, b)
	}
	if c.held.size > 0 {
		h.call(c)
	}
}

// put places b into c's queue, which has room for it since only the hub sends there.
func (h *Hub) put(c *Client, b Batch) {
	c.sizes[c.next] = b.size
	c.next = (c.next + 1) % uint8(len(c.sizes))
	select {
	case c.queue <- b:
	default:
		panic("hub: more signals than places for them")
	}
	if c.ready != nil {
		h.enlist(c)
	}
}

// call tells c's WritePump that there is something to pull.
func (h *Hub) call(c *Client) {
	if !c.called {
		c.called = true
		h.put(c, Batch{Signal: Behind})
	}
}

// fold moves what is held for a lagging client into its list. One fixed frame is taken
// whatever its size: a client that asked for a long answer is not slow.
func (h *Hub) fold(c *Client) {
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
	h.call(c)
}

// pull hands c's WritePump, which had emptied its queue, more of what waits. Where
// there is nothing it gets an empty batch, so that it knows. What came into the queue
// since it asked has to be taken first: then it is called again.
func (h *Hub) pull(c *Client) {
	c.called = false
	switch {
	case c.lag == nil:
		h.deliver(c)
		if len(c.queue) == 0 {
			h.put(c, Batch{})
		}
	case len(c.queue) > 0:
		h.call(c)
	default:
		h.put(c, h.catchUp(c))
	}
}

// catchUp takes a batch from the front of c's lag list.
func (h *Hub) catchUp(c *Client) Batch {
	s := c.lag.take(min(pullBytes, h.opts.QueueBytes/2), func(dst []byte, room string, skipped uint64) []byte {
		return h.opts.Frame(dst, h.opts.Conflated(room, skipped))
	})
	b := Batch{one: s, size: int32(len(s.Data)), More: c.lag.order.Len() > 0}
	if b.More {
		c.called = true
	} else {
		c.lag = nil
		h.stats.Lagging--
	}
	return b
}

// close takes c out of all rooms and tells its WritePump to end.
func (h *Hub) close(c *Client, why Signal) {
	if c.closing {
		return
	}
	c.closing = true
	h.forget(c)
	if why == CloseSlow {
		h.drop(c)
	}
	h.put(c, Batch{Signal: why})
}

// drop counts and frees what c will never get.
func (h *Hub) drop(c *Client) {
	for range len(c.queue) {
		select {
		case b := <-c.queue:
			b.segments(func(s *Segment) { h.stats.Dropped += s.live })
		default: // its WritePump took it meanwhile
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
