package redundant

import "context"

// Known is how many names of rooms are kept anywhere.
func (c *Conn) Known() (n int) {
	_ = c.do(context.Background(), func() {
		n = len(c.wanted.rooms) + len(c.merger.rooms)
		for _, s := range c.wanted.sides {
			n += len(s.rooms) + len(s.todo)
		}
	})
	return n
}
