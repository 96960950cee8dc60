package ingest

// outboxSent says that the bridge received the batch. A partition of which something had no
// place in the batch is offered again.
func (c *core) outboxSent() {
	if c.table != nil {
		c.due |= c.out.Lost()
	}
	c.out.Taken()
}

// abandon counts the live events that the bridge did not receive before the end.
func (c *core) abandon() {
	for i := range c.out.Events() {
		if c.out.Events()[i].Kind.Live() {
			c.abandoned++
		}
	}
	c.out.Taken()
}

// flushed says that the bridge received an empty batch.
func (c *core) flushed() {
	for _, f := range c.flushes {
		close(f)
	}
	c.flushes = nil
}
