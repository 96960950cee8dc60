package transport

import (
	"container/list"
	"net"
	"net/netip"
	"sync/atomic"

	"backbone/internal/auth"
	"backbone/internal/rates"
	"backbone/internal/refusals"
)

// A connection without a WebSocket counts for the limits, too. Where they are used up there is
// still place for a few, so that they can be refused with a reason, and health can be asked for.
const (
	spare           = 16 // in all
	spareOfAddress  = 4
	pushedOutAtOnce = 8 // when no descriptor is left
)

// registry is the goroutine that knows all connections. It enforces their limits, tells when the
// last one is gone, and closes the remaining ones when the server stops.
type registry struct {
	// Immutable after newRegistry.
	max, maxPerAddress int          // 0: no limit
	access             *auth.Access // nil: nobody needs credentials
	stats              *counters
	refusals           *refusals.Log
	changes            chan change
	idles              chan chan<- struct{} // each is closed when there is no WebSocket
	lists              chan chan<- []*conn  // each gets all WebSockets
	lacks              chan chan<- int      // each is told how many connections were pushed out
	rechecks           chan struct{}        // credentials have changed
	closing            chan struct{}        // one send closes all sockets, and those that come later
	stop               chan struct{}        // closed once no connection can come any more

	// Owned by run.
	opens     *rates.Bucket // WebSockets opened; nil: no limit
	places    map[*place]struct{}
	opened    int       // also shown as a count of stats
	shut      bool      // closing has come
	waiting   list.List // of *place: those that are not open, the oldest first
	addresses map[netip.Addr]*atAddress
}

// place is a connection's place in the registry, from its accept to its end.
type place struct {
	// Immutable.
	conn    net.Conn
	peer    netip.AddrPort // not valid: it has no address. Set by the handshake after a PROXY header
	opening *patient       // reads the head; owned by the handshake

	client *conn                    // set by the handshake before it asks to be open; owned by the registry then; nil: no WebSocket
	seen   seen                     // what operators see of it
	closed atomic.Bool              // by the registry
	asked  atomic.Bool              // the client has sent a request; set by the read side, read by who warns it
	from   atomic.Pointer[net.Addr] // whose it is; nil: its peer's. Set by the handshake

	news     atomic.Pointer[news] // for the ReadPump, from the registry: what became of its credentials
	granted  *auth.Grant          // what the credentials allow; nil: everything. Set by the handshake, then owned by the ReadPump
	prefixes *prefixes            // that the client has joined; nil: it never has. Owned by the ReadPump
	ended    *closeError          // what became of them in the end, as standing returned it; nil: nothing yet. Owned by the ReadPump

	// Owned by the registry, once the connection has come.
	addr     netip.Addr    // that it counts for; not valid: none
	open     bool          // it is a WebSocket, or a visitor's
	renewals uint32        // that the registry knows of
	grant    *auth.Grant   // what the registry knows of granted; nil: nothing can become of it any more
	all, own *list.Element // in waiting of the registry and of the address; nil: not there
}

// atAddress is who has connections, if they count for its limit or some of them wait.
type atAddress struct { // owned by the registry
	known   bool // it is an address: who has none is not limited by it
	opened  int
	waiting list.List // of *place
}

// change is what happens to a connection.
type change struct {
	place  *place
	step   step
	grant  *auth.Grant // of opens and regrants
	result chan error  // of opens: receives nil or an *httpRefusal; nil: there are no limits, so nobody waits
	addr   netip.Addr  // of moves
}

type step uint8

const (
	comes step = iota
	moves      // to the address of whom it is
	opens
	regrants
	leaves
)

// changePlaces is how many changes can wait before their senders do.
const changePlaces = 64

func newRegistry(l *Limits, access *auth.Access, stats *counters, told *refusals.Log) *registry {
	return &registry{
		max: l.MaxConnections, maxPerAddress: l.MaxConnectionsPerAddress, opens: l.MaxConnectionRate.Bucket(),
		access: access, stats: stats, refusals: told, rechecks: make(chan struct{}, 1),
		changes: make(chan change, changePlaces), idles: make(chan chan<- struct{}), lists: make(chan chan<- []*conn), lacks: make(chan chan<- int),
		closing: make(chan struct{}), stop: make(chan struct{}),
		places: map[*place]struct{}{}, addresses: map[netip.Addr]*atAddress{},
	}
}

func (r *registry) run() {
	var idle []chan<- struct{}
	for {
		if r.opened == 0 && len(r.changes) == 0 {
			for _, w := range idle {
				close(w)
			}
			idle = nil
		}
		select {
		case <-r.stop:
			return
		case c := <-r.changes:
			r.apply(c)
		case w := <-r.idles:
			idle = append(idle, w)
		case list := <-r.lists:
			list <- r.webSockets()
		case n := <-r.lacks:
			n <- r.makeRoom()
		case <-r.rechecks:
			for p := range r.places {
				r.recheck(p)
			}
		case <-r.closing:
			r.shut = true
			for p := range r.places {
				p.close()
			}
		}
		r.stats.waiting.cells[0].Store(int64(r.waiting.Len()))
		r.stats.opened.Store(int64(r.opened))
	}
}

func (r *registry) at(addr netip.Addr) *atAddress {
	a := r.addresses[addr]
	if a == nil {
		a = &atAddress{known: addr.IsValid()}
		r.addresses[addr] = a
	}
	return a
}

// forget forgets an address that has no connections any more.
func (r *registry) forget(addr netip.Addr) {
	if a := r.addresses[addr]; a != nil && a.opened == 0 && a.waiting.Len() == 0 {
		delete(r.addresses, addr)
	}
}

func (r *registry) apply(c change) {
	p := c.place
	a := r.at(p.addr)
	defer func() { r.forget(p.addr) }()
	switch c.step {
	case moves:
		before := p.addr
		if p.addr = c.addr; p.own != nil { // it was not pushed out meanwhile
			a.waiting.Remove(p.own)
			a = r.at(p.addr)
			p.own = a.waiting.PushBack(p)
			r.bound(a)
		}
		r.forget(before)
	case comes:
		r.places[p] = struct{}{}
		p.all, p.own = r.waiting.PushBack(p), a.waiting.PushBack(p)
		r.bound(a)
	case opens:
		err := r.admit(p, a)
		if err == nil {
			r.stopWaiting(p, a)
			p.open, p.grant = true, c.grant
			r.recheck(p) // the credentials may have changed since they were looked at
			r.opened++
			if r.maxPerAddress > 0 {
				a.opened++
			}
		}
		if c.result != nil {
			c.result <- err
		}
	case regrants:
		r.renew(p, c.grant)
	case leaves:
		r.stopWaiting(p, a)
		if p.open {
			r.opened--
			a.opened = max(a.opened-1, 0)
		}
		delete(r.places, p)
	}
	if r.shut && c.step != leaves {
		p.close()
	}
}

// admit returns nil if one more WebSocket is within the limits.
func (r *registry) admit(p *place, a *atAddress) error {
	switch {
	case p.all == nil: // it was pushed out
		return net.ErrClosed
	case r.max > 0 && r.opened >= r.max:
		r.stats.limited.count(limitConnections)
		return busy("the server has as many connections as it may")
	case r.maxPerAddress > 0 && a.known && a.opened >= r.maxPerAddress:
		r.stats.limited.count(limitPerAddress)
		return tooManyRequests("too many connections from this address")
	case !r.opens.Allow():
		r.stats.limited.count(limitOpens)
		return busy("too many connections are opened at once")
	}
	return nil
}

// bound pushes out connections beyond the limits, of which a has got one more. The oldest goes:
// who means to ask does so at once. It is one of the same address if there are others, so that one
// address that says nothing does not push out the rest.
func (r *registry) bound(a *atAddress) {
	if r.maxPerAddress > 0 && a.known && a.waiting.Len() > max(r.maxPerAddress-a.opened, spareOfAddress) {
		r.pushOut(&a.waiting, pushedOutOfAddress)
	}
	if r.max > 0 && r.waiting.Len() > max(r.max-r.opened, spare) {
		if a.known && a.waiting.Len() > 1 {
			r.pushOut(&a.waiting, pushedOutOfAll)
		} else {
			r.pushOut(&r.waiting, pushedOutOfAll)
		}
	}
}

// makeRoom pushes out some of the oldest for lack of descriptors, and returns how many.
func (r *registry) makeRoom() (n int) {
	for ; n < pushedOutAtOnce && r.waiting.Len() > 0; n++ {
		r.pushOut(&r.waiting, pushedOutForDescriptors)
	}
	return n
}

// webSockets are those that were opened before they were asked for, though a select may have taken that first.
func (r *registry) webSockets() (all []*conn) {
	for range len(r.changes) {
		r.apply(<-r.changes)
	}
	for p := range r.places {
		if p.open && p.client != nil { // else it is a visitor's
			all = append(all, p.client)
		}
	}
	return all
}

// pushOut closes the oldest of a list.
func (r *registry) pushOut(from *list.List, why refusals.Kind) {
	p := from.Front().Value.(*place) //nolint:forcetypeassert // it has nothing else
	r.stopWaiting(p, r.addresses[p.addr])
	r.stats.unfinished.count(pushedOut)
	r.refusals.Tell(why, "address", p.remote())
	p.close()
}

func (r *registry) stopWaiting(p *place, a *atAddress) {
	if p.all != nil {
		r.waiting.Remove(p.all)
		a.waiting.Remove(p.own)
		p.all, p.own = nil, nil
	}
}

// come gives a connection its place. It never waits for another connection.
func (r *registry) come(p *place) { r.changes <- change{place: p, step: comes} }

// open makes it a WebSocket. The error is an *httpRefusal, or says that the connection was pushed out.
func (r *registry) open(p *place) error {
	c := change{place: p, step: opens, grant: p.granted}
	if r.max == 0 && r.maxPerAddress == 0 && r.opens == nil {
		r.changes <- c
		return nil
	}
	c.result = make(chan error, 1)
	r.changes <- c
	return <-c.result
}

func (r *registry) leave(p *place) { r.changes <- change{place: p, step: leaves} }
