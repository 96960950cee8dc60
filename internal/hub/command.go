package hub

import "time"

type op uint8

const (
	opRegister op = iota
	opUnregister
	opJoin
	opLeave
	opAmong
	opSettle
	opPull
	opConflate
	opTell
	opClose
	opCloseAll
	opLook
)

// command is one change of the hub's state. Commands of one client are carried out
// in the order in which they were sent.
type command struct {
	op     op
	client *Client
	rooms  []string
	reply  []byte // frame for the client, in order with its events
	more   bool   // of opJoin: the next command of the client goes on with the join
	wants  Wants
	want   Want            // of opPull
	result chan<- []string // gets the rooms that the command concerned; nil: nobody waits
	done   chan<- struct{} // of opConflate: closed when it is carried out
	look   func()          // of opLook
}

// Wants is what a joiner asks for besides the events.
type Wants struct {
	Absent bool // to be told if a room has no last value
	Status bool // to be told when a room's feed falls silent, and when the bridge fails
	Stamp  bool // to get values in their stamped form, also in a room that it is in already

	// NoStamp is to get values in their plain form from now on, in rooms that it is in already.
	NoStamp bool

	// Every is the least time between two values of a type, also in a room that it is in already; the newest
	// comes when that is over. Zero does not say; NoEvery is to get each of them from now on. At least a millisecond.
	Every   time.Duration
	NoEvery bool

	// Whole is to be closed before a live value is left out because the client is behind, also in a room that
	// it is in already. NoWhole ends that. Of Every and Whole the one that was asked for last counts.
	Whole   bool
	NoWhole bool

	// Group says which of a room's statuses: those whose events have the same group. Opaque here.
	Group uint32
}

// Register makes c known to the hub. It does not wait for the hub: later commands of c
// are carried out after it.
func (h *Hub) Register(c *Client) { h.send(command{op: opRegister, client: c}) }

// Unregister ends c's part in everything and returns the rooms that c was in. Neither
// pump may use c afterwards. pause is called between the steps of a client in many rooms, when it
// gets nothing more.
func (h *Hub) Unregister(c *Client, pause func()) []string {
	return h.unregisterIn(c, h.sendAndWait, pause)
}

// Join puts c into rooms and returns those that it was not in before. The client gets
// reply before any event of them, and once it is in all of them. The hub owns rooms afterwards.
// pause is called between the steps of a join of many rooms. If it reports false, the join is broken off:
// the client gets nothing any more, and is to be unregistered.
func (h *Hub) Join(c *Client, rooms []string, wants Wants, reply []byte, pause func() bool) []string {
	return h.joinIn(command{op: opJoin, client: c, rooms: rooms, wants: wants, reply: reply}, h.sendAndWait, pause)
}

// Leave takes c out of a few rooms and returns those that it was in. The client gets the events that were
// published before, then reply. If c was in none of the rooms, Leave sends nothing to the client. The hub
// owns rooms afterwards. They should be no more than a hundred, so that others need not wait.
func (h *Hub) Leave(c *Client, rooms []string, reply []byte) []string {
	return h.sendAndWait(command{op: opLeave, client: c, rooms: rooms, reply: reply})
}

// Among returns those of rooms that c is in, in their order. The hub owns rooms afterwards. pause is
// called between the steps of a question for many rooms.
func (h *Hub) Among(c *Client, rooms []string, pause func()) []string {
	in := rooms[:0]
	for from := 0; from < len(rooms); from += h.step {
		if from > 0 {
			pause()
		}
		some := rooms[from:min(from+h.step, len(rooms))]
		in = append(in, h.sendAndWait(command{op: opAmong, client: c, rooms: some})...)
	}
	return in
}

// Settle returns when the hub has routed the events that it was sent before.
func (h *Hub) Settle() { h.sendAndWait(command{op: opSettle}) }

// Want is what a write side pulls.
type Want struct {
	Limit int  // bytes; the hub gives at least one frame, and never more than it likes to give; 0: no limit
	Slow  bool // the reader is slow: see [Hub.TryConflate]

	// Longest bounds a message to a slow reader, in bytes: a longer one is lost, because what comes
	// behind it would be old. 0: nothing is too long.
	Longest int
}

// Pull asks for more of what the hub holds for c. It follows a Behind signal or a batch
// with More, once the queue is empty. A pull that is not Slow ends what TryConflate began.
func (h *Hub) Pull(c *Client, want Want) { h.send(command{op: opPull, client: c, want: want}) }

// TryPull is Pull if that need not wait for the hub. It reports whether it pulled.
func (h *Hub) TryPull(c *Client, want Want) bool {
	return h.trySend(command{op: opPull, client: c, want: want})
}

// TryConflate has the hub take back what is in c's queue, and conflate it with all that it
// holds for c. From then on c lags even while nothing waits for it, so that a reader that
// was found to be slow gets only newest values. done is closed when that has happened; the
// caller must not receive from the queue until then. A Behind signal follows if anything
// waits. TryConflate does not wait for the hub, and reports whether it was asked.
func (h *Hub) TryConflate(c *Client, done chan<- struct{}) bool {
	return h.trySend(command{op: opConflate, client: c, done: done})
}

// Tell gives c one frame, behind what it is to get already. A client that is gone or is being closed
// gets none.
func (h *Hub) Tell(c *Client, frame []byte) { h.send(command{op: opTell, client: c, reply: frame}) }

// Close sends CloseDrain to c, unless it is gone. Events that were sent to the hub before are
// delivered first.
func (h *Hub) Close(c *Client) { h.send(command{op: opClose, client: c}) }

// CloseAll sends CloseDrain to every client, and to each that registers later. Events
// that were sent to the hub before are delivered first.
func (h *Hub) CloseAll() { h.send(command{op: opCloseAll}) }

// send sends a command that has no result.
func (h *Hub) send(c command) {
	select {
	case h.commands <- c:
	case <-h.done:
	}
}

// trySend sends a command that has no result, if that need not wait for the hub.
func (h *Hub) trySend(c command) bool {
	select {
	case h.commands <- c:
		return true
	case <-h.done:
		return true
	default:
		return false
	}
}

// sendAndWait sends a command and returns its result, or nil if the hub has ended.
func (h *Hub) sendAndWait(c command) (rooms []string) {
	result := make(chan []string, 1) // one place, so that the hub does not wait
	c.result = result
	select {
	case h.commands <- c:
	case <-h.done:
		return nil
	}
	select {
	case rooms = <-result:
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
		cmd.result <- h.unregister(c)
	case opJoin:
		cmd.result <- h.join(c, cmd)
	case opLeave:
		h.routeWaiting() // the client also gets what it published before it left
		cmd.result <- h.leave(c, cmd)
	case opAmong:
		cmd.result <- h.among(c, cmd.rooms)
	case opSettle:
		h.routeWaiting()
		cmd.result <- nil
	case opPull:
		h.pull(c, cmd.want)
	case opConflate:
		h.conflateQueue(c, cmd.done)
	case opTell:
		if _, registered := h.clients[c]; registered && !c.closing {
			h.sendNow(c, &Segment{Data: cmd.reply})
		}
	case opClose:
		if _, registered := h.clients[c]; registered {
			h.routeWaiting()
			h.close(c, CloseDrain)
		}
	case opCloseAll:
		h.routeWaiting() // earlier events still reach the clients
		h.draining = true
		for c := range h.clients {
			h.close(c, CloseDrain)
		}
	case opLook:
		cmd.look()
		cmd.result <- nil
	}
	h.sendLists()
}
