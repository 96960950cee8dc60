package transport

import "net"

// registry is the goroutine that knows all connections: it keeps their limits, tells
// when the last is gone, and closes what is left when the server stops.
type registry struct {
	// Immutable after newRegistry.
	max, maxPerAddress int // 0: no limit
	enters             chan entering
	leaves             chan *conn
	idles              chan chan<- struct{} // each is closed when there is no connection
	closing            chan struct{}        // one send closes all sockets, now and from now on
	stop               chan struct{}        // closed once nothing can enter any more
}

// entering asks for a place among the connections.
type entering struct {
	conn   *conn
	answer chan error // nil, or a *refusal
}

func newRegistry(limit, perAddress int) *registry {
	return &registry{
		max: limit, maxPerAddress: perAddress,
		enters: make(chan entering), leaves: make(chan *conn), idles: make(chan chan<- struct{}),
		closing: make(chan struct{}), stop: make(chan struct{}),
	}
}

func (r *registry) run() {
	conns := map[*conn]struct{}{}
	addresses := map[string]int{}
	var idle []chan<- struct{}
	closing := false
	for {
		if len(conns) == 0 {
			for _, w := range idle {
				close(w)
			}
			idle = nil
		}
		select {
		case <-r.stop:
			return
		case e := <-r.enters:
			switch {
			case r.max > 0 && len(conns) >= r.max:
				e.answer <- busy("the server has as many connections as it may")
				continue
			case r.maxPerAddress > 0 && addresses[e.conn.host()] >= r.maxPerAddress:
				e.answer <- tooManyRequests("too many connections from this address")
				continue
			}
			conns[e.conn] = struct{}{}
			if r.maxPerAddress > 0 {
				addresses[e.conn.host()]++
			}
			if closing {
				e.conn.socket.Close() //nolint:errcheck // nothing was written that could be lost
			}
			e.answer <- nil
		case c := <-r.leaves:
			delete(conns, c)
			if r.maxPerAddress > 0 {
				if addresses[c.host()]--; addresses[c.host()] <= 0 {
					delete(addresses, c.host())
				}
			}
		case w := <-r.idles:
			idle = append(idle, w)
		case <-r.closing:
			closing = true
			for c := range conns {
				c.socket.Close() //nolint:errcheck // they had their time to end by themselves
			}
		}
	}
}

// enter takes a place for c. The error is a *refusal.
func (r *registry) enter(c *conn) error {
	e := entering{c, make(chan error, 1)}
	r.enters <- e
	return <-e.answer
}

func (r *registry) leave(c *conn) { r.leaves <- c }

// host is the address that a connection counts for.
func (c *conn) host() string {
	host, _, err := net.SplitHostPort(c.address)
	if err != nil {
		return c.address
	}
	return host
}
