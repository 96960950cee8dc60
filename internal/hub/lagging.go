package hub

func (h *Hub) beginLag(c *Client, aged bool) {
	c.lag, c.piled, c.aged = h.newLag(c), false, aged
	h.stats.Lagging++
	if aged {
		h.stats.LagsAge++
	} else {
		h.stats.LagsBytes++
	}
}

func (h *Hub) endLag(c *Client) {
	c.lag = nil
	h.stats.Lagging--
}

// conflate moves what is held for a lagging client into its lag list. One fixed frame is
// accepted whatever its size: a client that asked for a long reply is not slow.
func (h *Hub) conflate(c *Client) {
	c.held.segments(func(s *Segment) { h.addToLag(c, s) })
	c.held = Batch{}
	if c.lag.broken {
		h.stats.Refused++
		h.drop(c)
		c.closing, c.entering = true, false
		h.enqueue(c, Batch{Signal: CloseWhole})
		return
	}
	if h.tooMuch(c) && !c.closing {
		h.stats.Slow++
		h.close(c, CloseSlow)
		return
	}
	if c.lag.waits() {
		h.signalBehind(c)
	}
}

// tooMuch reports whether more waits for a lagging client than it may leave unread. What piled up
// while it was entering it could not read. So more may wait then, until so little is left that it
// is like any other client.
func (h *Hub) tooMuch(c *Client) bool {
	beyond := func(times int) bool {
		return c.lag.fixed > times*maxFixedFrames || c.lag.fixed > 1 && c.lag.bytes > times*h.opts.QueueBytes
	}
	if c.piled = c.entering || c.piled && beyond(1); c.piled {
		return beyond(joinTimes)
	}
	return beyond(1)
}

// addToLag adds s to the end of c's lag list.
func (h *Hub) addToLag(c *Client, s *Segment) {
	if s.messages != nil {
		h.lost(c, c.lag.messages.add(s, 0, h.opts.QueueBytes))
		return
	}
	if len(s.ends) > 0 {
		var notices []byte
		for _, room := range s.ends {
			waited, untold := c.lag.messages.forget(room)
			h.lost(c, waited)
			if untold > 0 { // told before the room is left
				notices = h.opts.Frame(notices, h.opts.Lost(room.room, untold))
			}
		}
		if notices != nil {
			s = &Segment{Data: append(notices, s.Data...), ends: s.ends}
		}
	}
	skipped, dropped := c.lag.add(s)
	h.leftOut(c, skipped, dropped)
}

// lost counts messages that c does not get.
func (h *Hub) lost(c *Client, n uint64) {
	c.skipped += n
	h.stats.Lost += n
}

// leftOut counts live events that c does not get.
func (h *Hub) leftOut(c *Client, skipped, dropped uint64) {
	c.skipped += skipped
	h.stats.Conflated += skipped
	h.stats.Dropped += dropped
}

// conflateQueue takes back what is in c's queue and conflates it with all that is held for
// c. Its write side receives nothing from the queue until done is closed.
func (h *Hub) conflateQueue(c *Client, done chan<- struct{}) {
	later := c.lag
	if later == nil {
		h.beginLag(c, true)
	} else {
		c.lag = h.newLag(c)
	}
	c.sticky, c.signalled = true, false
	ending := NoSignal
	for range len(c.queue) {
		b := <-c.queue
		ending = max(ending, b.Signal)
		b.segments(func(s *Segment) { h.addToLag(c, s) })
	}
	if later != nil {
		skipped := c.lag.join(later, func(s *Segment) { h.addToLag(c, s) })
		h.leftOut(c, skipped, 0)
		h.lost(c, c.lag.messages.join(&later.messages, h.opts.QueueBytes))
	}
	close(done)
	h.conflate(c)
	if ending > Behind {
		h.enqueue(c, Batch{Signal: ending})
	}
	if c.ready != nil {
		h.list(c) // also if nothing was enqueued: the write side waits for done
	}
}

// pull enqueues more for c, whose write side had emptied its queue. If nothing is held, or c has
// to wait for the end of its join, it gets an empty batch and so knows that. If the queue has got something since, c has to
// write that first, and is signalled again.
func (h *Hub) pull(c *Client, want Want) {
	c.signalled = false
	c.sticky = c.sticky && want.Slow
	switch {
	case c.lag == nil, c.entering:
		h.deliver(c)
		if len(c.queue) == 0 {
			h.enqueue(c, Batch{})
		}
	case len(c.queue) > 0:
		h.signalBehind(c)
	default:
		h.enqueue(c, h.nextLagged(c, want))
	}
}

// nextLagged removes a batch from the front of c's lag list. It has no messages unless nothing else waits.
func (h *Hub) nextLagged(c *Client, want Want) Batch {
	limit := min(pullBytes, h.opts.QueueBytes/2)
	if want.Limit > 0 {
		limit = min(limit, want.Limit)
	}
	var b Batch
	if c.lag.count > 0 {
		b.add(c.lag.take(limit, func(dst []byte, room string, skipped uint64) []byte {
			return h.opts.Frame(dst, h.opts.Conflated(room, skipped))
		}), 0)
	} else if c.lag.messages.waits() {
		longest := 0
		if want.Slow {
			longest = want.Longest
		}
		s, lost := c.lag.messages.take(limit, longest, func(dst []byte, room string, lost uint64) []byte {
			return h.opts.Frame(dst, h.opts.Lost(room, lost))
		})
		h.lost(c, lost)
		b.add(s, 0)
	}
	b.More = c.lag.waits()
	switch {
	case b.More:
		c.signalled = true
	case !c.sticky:
		h.endLag(c)
	}
	return b
}
