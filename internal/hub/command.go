package hub

type op uint8

const (
	opRegister op = iota
	opUnregister
	opJoin
	opLeave
	opAmong
	opPull
	opCloseAll
	opStats
)

// command is one change of the hub's state. Commands of one client are carried out
// in the order in which they were sent.
type command struct {
	op     op
	client *Client
	rooms  []string
	reply  []byte // frame that the client hears, in order with its events
	wants  Wants
	answer chan<- []string // nil: there is none
	stats  chan<- Stats
}

// Wants is what a joiner asks for beside the events.
type Wants struct {
	Absent bool // to be told where a room has no last value
	Status bool // to be told when a room's feed falls silent, and when the instance's link is lost
}

// Stats are the hub's counters since start, and gauges where marked.
type Stats struct {
	Clients    int    // gauge: registered clients
	Rooms      int    // gauge: rooms with members
	Lagging    int    // gauge: clients that lag
	Events     uint64 // live events routed
	Unheard    uint64 // of these, to rooms without members
	Deliveries uint64 // events times members
	Conflated  uint64 // live events left out for clients that lagged
	Dropped    uint64 // live events that a client had coming when it went
	Lags       uint64 // times that a client began to lag
	Slow       uint64 // clients closed since they did not keep up
}

// Register makes c known. It does not wait for that: what follows of c comes behind it.
func (h *Hub) Register(c *Client) { h.tell(command{op: opRegister, client: c}) }

// Unregister ends c's part in everything and returns the rooms that it was in. Both
// pumps must be past their last use of c.
func (h *Hub) Unregister(c *Client) []string {
	return h.ask(command{op: opUnregister, client: c})
}

// Join puts c into rooms and returns those it was not in before. The client hears
// reply before any event of them. The hub takes rooms over.
func (h *Hub) Join(c *Client, rooms []string, wants Wants, reply []byte) []string {
	return h.ask(command{op: opJoin, client: c, rooms: rooms, wants: wants, reply: reply})
}

// Leave takes c out of room; the client hears the events that were sent before, and
// reply after the room's last one. It
// reports false, and says nothing to the client, if c was not in the room.
func (h *Hub) Leave(c *Client, room string, reply []byte) bool {
	return len(h.ask(command{op: opLeave, client: c, rooms: []string{room}, reply: reply})) > 0
}

// Among returns those of rooms that c is in. The hub takes rooms over.
func (h *Hub) Among(c *Client, rooms []string) []string {
	return h.ask(command{op: opAmong, client: c, rooms: rooms})
}

// Pull asks for more of what the hub holds for c, after a Behind signal or a batch
// with More, once the queue is empty.
func (h *Hub) Pull(c *Client) { h.tell(command{op: opPull, client: c}) }

// TryPull is Pull where that need not wait for the hub; it reports whether it was done.
func (h *Hub) TryPull(c *Client) bool {
	select {
	case h.commands <- command{op: opPull, client: c}:
		return true
	case <-h.done:
		return true
	default:
		return false
	}
}

// CloseAll sends CloseDrain to every client, now and from now on. Events that were
// sent before are delivered first.
func (h *Hub) CloseAll() { h.tell(command{op: opCloseAll}) }

// tell sends a command that has no answer.
func (h *Hub) tell(c command) {
	select {
	case h.commands <- c:
	case <-h.done:
	}
}

// Stats returns the counters as they are now; zeros if the hub has ended.
func (h *Hub) Stats() Stats {
	answer := make(chan Stats, 1)
	select {
	case h.commands <- command{op: opStats, stats: answer}:
	case <-h.done:
		return Stats{}
	}
	select {
	case s := <-answer:
		return s
	case <-h.done:
		return Stats{}
	}
}

// ask sends a command and waits for its answer; nil if the hub has ended.
func (h *Hub) ask(c command) (rooms []string) {
	answer := make(chan []string, 1) // a place: the hub does not wait
	c.answer = answer
	select {
	case h.commands <- c:
	case <-h.done:
		return nil
	}
	select {
	case rooms = <-answer:
		return rooms
	case <-h.done:
		return nil
	}
}

// handle carries out one command.
func (h *Hub) handle(cmd command) {
	c := cmd.client
	switch cmd.op {
	case opRegister:
		h.clients[c] = struct{}{}
		if h.draining {
			h.close(c, CloseDrain)
		}
	case opUnregister:
		cmd.answer <- h.unregister(c)
	case opJoin:
		cmd.answer <- h.join(c, cmd)
	case opLeave:
		h.routeWaiting() // a message that the client sent before it left is for it too
		cmd.answer <- h.leave(c, cmd)
	case opAmong:
		cmd.answer <- h.among(c, cmd.rooms)
	case opPull:
		h.pull(c)
	case opCloseAll:
		h.routeWaiting() // what came before belongs to those that are closed
		h.draining = true
		for c := range h.clients {
			h.close(c, CloseDrain)
		}
	case opStats:
		s := h.stats
		s.Clients, s.Rooms = len(h.clients), len(h.rooms)
		cmd.stats <- s
	}
	h.tellReady()
}
