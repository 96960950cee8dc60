package hub

// Steps is a hub without its goroutine: each method immediately does what Run would do
// with one input. It is for simulations, which choose every step. One goroutine uses it,
// and Run is not called.
type Steps struct{ hub *Hub }

// NewSteps returns a hub to be driven step by step.
func NewSteps(opts Options) Steps { return Steps{New(opts)} }

// Register is [Hub.Register].
func (s Steps) Register(c *Client) { s.hub.handle(command{op: opRegister, client: c}) }

// Unregister is [Hub.Unregister].
func (s Steps) Unregister(c *Client) []string {
	return s.hub.unregisterIn(c, s.handle, noPause)
}

// Join is [Hub.Join].
func (s Steps) Join(c *Client, rooms []string, wants Wants, reply []byte) []string {
	return s.hub.joinIn(command{op: opJoin, client: c, rooms: rooms, wants: wants, reply: reply}, s.handle, goesOn)
}

// JoinPart is one of the steps of [Hub.Join]; more says that another follows. The client does
// nothing but receive until the last.
func (s Steps) JoinPart(c *Client, rooms []string, wants Wants, reply []byte, more bool) []string {
	return s.handle(command{op: opJoin, client: c, rooms: rooms, wants: wants, reply: reply, more: more})
}

// Leave is [Hub.Leave].
func (s Steps) Leave(c *Client, rooms []string, reply []byte) []string {
	return s.handle(command{op: opLeave, client: c, rooms: rooms, reply: reply})
}

// Pull is [Hub.Pull].
func (s Steps) Pull(c *Client, want Want) { s.hub.handle(command{op: opPull, client: c, want: want}) }

// Conflate is [Hub.TryConflate], carried out immediately.
func (s Steps) Conflate(c *Client) {
	s.hub.handle(command{op: opConflate, client: c, done: make(chan struct{})})
}

// CloseAll is [Hub.CloseAll].
func (s Steps) CloseAll() { s.hub.handle(command{op: opCloseAll}) }

// Route routes and flushes events as one turn.
func (s Steps) Route(events []BroadcastEvent) {
	s.hub.route(events)
	s.hub.flush()
}

// TakeDue gives members the values whose time has come by Options.Now.
func (s Steps) TakeDue() { s.hub.takeDue() }

// Stats is [Hub.Stats].
func (s Steps) Stats() Stats { return s.hub.counters() }

// handle carries out a command and returns its result.
func (s Steps) handle(c command) []string {
	result := make(chan []string, 1)
	c.result = result
	s.hub.handle(c)
	return <-result
}

func noPause() {}

func goesOn() bool { return true }
