package hub

// Ready tells one goroutine that writes for many clients which of their queues have got
// something. So a flush wakes one goroutine, not one for each client.
type Ready struct {
	lists chan []*Client // one place, and only the hub sends: an unread list is replaced by a longer one
	free  chan []*Client // one place: a list to be used again

	// Owned by Hub.Run.
	list []*Client // clients since the last list that was sent
}

// listSize is how many clients the hub lists before it sends the list. If there are many,
// the first are written to while the others get their batches.
const listSize = 64

// NewReady returns a Ready without clients.
func NewReady() *Ready {
	return &Ready{lists: make(chan []*Client, 1), free: make(chan []*Client, 1)}
}

// Lists brings the clients whose queues have got something since the last list. A client
// may be in a list more than once, and its queue may be empty by now. The receiver
// returns each list with [Ready.Done].
func (r *Ready) Lists() <-chan []*Client { return r.lists }

// Done returns a list.
func (r *Ready) Done(list []*Client) {
	clear(list)
	select {
	case r.free <- list[:0]:
	default:
	}
}

// list notes that c's queue has got something.
func (h *Hub) list(c *Client) {
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
	case listSize:
		r.send()
	}
}

// sendLists ends a flush or command by sending all lists.
func (h *Hub) sendLists() {
	for _, r := range h.ready {
		r.send()
	}
	h.ready = h.ready[:0]
}

// send sends the list unless it is empty. An earlier list that is still unread becomes its
// beginning.
func (r *Ready) send() {
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
