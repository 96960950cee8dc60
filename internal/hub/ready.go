package hub

// Ready tells one goroutine, which writes for many clients, which of them have got
// something into their queues. It is how a flush wakes one goroutine and not one for
// each client.
type Ready struct {
	lists chan []*Client // one place, and the hub alone sends: what is not taken yet is added to
	free  chan []*Client // one place: a list to be used again

	// Owned by Hub.Run.
	list []*Client // since the last one that was sent
}

// readyAtOnce is how many clients the hub lists before it tells: where there are many, the
// first are written to while the others get theirs.
const readyAtOnce = 64

// NewReady returns a Ready for clients to come.
func NewReady() *Ready {
	return &Ready{lists: make(chan []*Client, 1), free: make(chan []*Client, 1)}
}

// Lists brings clients whose queues have got something since the last list. A client may
// be in a list more than once, and its queue be empty by now. Each list goes back with
// [Ready.Done].
func (r *Ready) Lists() <-chan []*Client { return r.lists }

// Done gives a list back.
func (r *Ready) Done(list []*Client) {
	clear(list)
	select {
	case r.free <- list[:0]:
	default:
	}
}

// enlist notes that c's queue has got something.
func (h *Hub) enlist(c *Client) {
	r := c.ready
	if r.list == nil {
		select {
		case r.list = <-r.free:
		default:
		}
	}
	r.list = append(r.list, c)
	switch len(r.list) {
	case 1:
		h.ready = append(h.ready, r)
	case readyAtOnce:
		r.tell()
	}
}

// tellReady ends a flush or command: whoever writes is told.
func (h *Hub) tellReady() {
	for _, r := range h.ready {
		r.tell()
	}
	h.ready = h.ready[:0]
}

// tell sends the list, if there is one, behind the one that was not taken yet.
func (r *Ready) tell() {
	if len(r.list) == 0 {
		return
	}
	select {
	case before := <-r.lists:
		r.lists <- append(before, r.list...)
		clear(r.list)
		r.list = r.list[:0]
	default:
		r.lists <- r.list
		r.list = nil
	}
}
