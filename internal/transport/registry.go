package transport

import "net"

// registry is the goroutine that knows all connections. It enforces their limits, tells when the
// last one is gone, and closes the remaining ones when the server stops.
type registry struct {
	// Immutable after newRegistry.
	max, maxPerAddress int // 0: no limit
	changes            chan change
	idles              chan chan<- struct{} // each is closed when there is no connection
	closing            chan struct{}        // one send closes all sockets, and those that come later
	stop               chan struct{}        // closed once no connection can enter any more
}

// change is a connection that enters or leaves.
type change struct {
	conn   *conn
	leaves bool
	result chan error // receives nil or an *httpRefusal; nil: there are no limits, so nobody waits
}

// changePlaces is how many changes can wait before their senders do.
const changePlaces = 64

func newRegistry(limit, perAddress int) *registry {
	return &registry{
		max: limit, maxPerAddress: perAddress,
		changes: make(chan change, changePlaces), idles: make(chan chan<- struct{}),
		closing: make(chan struct{}), stop: make(chan struct{}),
	}
}

func (r *registry) run() {
	conns := map[*conn]struct{}{}
	addresses := map[string]int{}
	var idle []chan<- struct{}
	closing := false
	for {
		if len(conns) == 0 && len(r.changes) == 0 {
			for _, w := range idle {
				close(w)
			}
			idle = nil
		}
		select {
		case <-r.stop:
			return
		case c := <-r.changes:
			host := ""
			if r.maxPerAddress > 0 {
				host = c.conn.host()
			}
			switch {
			case c.leaves:
				delete(conns, c.conn)
				if addresses[host]--; addresses[host] <= 0 {
					delete(addresses, host)
				}
				continue
			case r.max > 0 && len(conns) >= r.max:
				c.result <- busy("the server has as many connections as it may")
				continue
			case r.maxPerAddress > 0 && addresses[host] >= r.maxPerAddress:
				c.result <- tooManyRequests("too many connections from this address")
				continue
			}
			conns[c.conn] = struct{}{}
			addresses[host]++
			if closing {
				c.conn.socket.Close()
			}
			if c.result != nil {
				c.result <- nil
			}
		case w := <-r.idles:
			idle = append(idle, w)
		case <-r.closing:
			closing = true
			for c := range conns {
				c.socket.Close()
			}
		}
	}
}

// enter takes a place for c. The error is an *httpRefusal.
func (r *registry) enter(c *conn) error {
	if r.max == 0 && r.maxPerAddress == 0 {
		r.changes <- change{conn: c}
		return nil
	}
	e := change{conn: c, result: make(chan error, 1)}
	r.changes <- e
	return <-e.result
}

func (r *registry) leave(c *conn) { r.changes <- change{conn: c, leaves: true} }

// host is the address that the connection counts for.
func (c *conn) host() string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}
