package hub

// Places in a client's queue. The limit that counts is Options.QueueBytes; batches
// that find no place wait in the hub and go out with the next one, or when pulled.
const (
	queuePlaces  = 8
	signalPlaces = 4 // beyond these, for signals: a Behind for each pull under way and one more, and one Close
)

// Segment is consecutive frames of one room, or one fixed frame. It is immutable and
// shared by all clients that get it.
type Segment struct {
	Data []byte // complete WebSocket frames

	key    string // what a later segment replaces this one for: a room, or its status
	state  bool   // conflatable: only the last frame counts
	ends   bool   // the reply to a leave: what is conflated of key is not to be told any more
	newest int    // where the last frame starts in Data
	live   uint64 // live events in Data
	missed uint64 // further ones, which notices in Data say are missing
	last   uint64 // 1 if the last frame is a live event of a state segment, else 0
	copied []byte // the last frame by itself, made when a lagging client first needs it
}

// frame is the last frame of the segment, in memory that holds nothing else: a client
// that lags must not pin the burst around it. Called by the hub's goroutine alone.
func (s *Segment) frame() []byte {
	if s.newest == 0 {
		return s.Data
	}
	if s.copied == nil {
		s.copied = append(make([]byte, 0, len(s.Data)-s.newest), s.Data[s.newest:]...)
	}
	return s.copied
}

// Batch is what a client's queue carries: all that one flush holds for the client, or a
// signal.
type Batch struct {
	one  *Segment    // the first segment
	many *[]*Segment // the others; nil: there are none. A pointer keeps a queue's places small
	size int32

	// More says that the hub holds further frames for the client, which it hands
	// over when pulled.
	More   bool
	Signal Signal
}

// Len is the number of bytes in the batch.
func (b *Batch) Len() int { return int(b.size) }

// Single returns the batch's bytes if they lie side by side.
func (b *Batch) Single() ([]byte, bool) {
	if b.one == nil || b.many != nil {
		return nil, b.one == nil
	}
	return b.one.Data, true
}

// Append appends the batch's bytes to dst.
func (b *Batch) Append(dst []byte) []byte {
	if b.one == nil {
		return dst
	}
	dst = append(dst, b.one.Data...)
	for _, s := range b.others() {
		dst = append(dst, s.Data...)
	}
	return dst
}

// others are the segments behind the first.
func (b *Batch) others() []*Segment {
	if b.many == nil {
		return nil
	}
	return *b.many
}

// add appends s; hint is how many segments to make room for.
func (b *Batch) add(s *Segment, hint uint16) {
	b.size += int32(len(s.Data))
	switch {
	case b.one == nil:
		b.one = s
	case b.many == nil:
		many := append(make([]*Segment, 0, max(3, int(hint))), s)
		b.many = &many
	default:
		*b.many = append(*b.many, s)
	}
}

// split removes segments from the front, as many as fit into limit bytes but at
// least one, and returns them.
func (b *Batch) split(limit int) Batch {
	if b.Len() <= limit {
		all := *b
		*b = Batch{}
		return all
	}
	many := b.others()
	n, size := 0, len(b.one.Data)
	for n < len(many) && size+len(many[n].Data) <= limit {
		size += len(many[n].Data)
		n++
	}
	front := Batch{one: b.one, size: int32(size)}
	if n > 0 {
		first := many[:n:n]
		front.many = &first
	}
	rest := Batch{size: b.size - front.size}
	if n < len(many) {
		rest.one = many[n]
	}
	if n+1 < len(many) {
		last := many[n+1:]
		rest.many = &last
	}
	*b = rest
	return front
}

// segments calls f for each segment in order.
func (b *Batch) segments(f func(*Segment)) {
	if b.one == nil {
		return
	}
	f(b.one)
	for _, s := range b.others() {
		f(s)
	}
}

// Signal tells a WritePump what is no frame. It comes in order with the batches.
type Signal uint8

// The signals. A batch with one of them is empty otherwise.
const (
	// NoSignal: the batch holds frames, or none because there are none to be pulled.
	NoSignal Signal = iota
	// Behind: the hub holds frames for this client; pull them when the queue is empty.
	Behind
	// CloseSlow: the client is closed since it does not keep up.
	CloseSlow
	// CloseDrain: the instance stops; pull until that brings an empty batch, then close.
	CloseDrain
)

// Client is the hub's handle of one connection: its queue and its rooms. It has no
// socket. The connection's pumps reach the hub through it; the hub reaches them by
// its channels.
type Client struct {
	// Immutable after Init.
	queue chan Batch // hub -> WritePump
	ready *Ready     // told when queue gets something; nil: its reader waits for it
	owner any

	// Owned by Hub.Run.
	rooms   []string                          // that it is in, or was in when closing began
	held    Batch                             // not yet in the queue
	lag     *lagList                          // nil: not lagging
	sizes   [queuePlaces + signalPlaces]int32 // of the last batches put into the queue
	next    uint8                             // where the next size goes
	touched bool                              // in the list of the flush under way
	called  bool                              // told to pull, and has not yet
	closing bool                              // a Close signal was sent: it takes part in nothing any more
	hint    uint16                            // segments of the last batch, to size the next
}

// NewClient returns the handle of a new connection, whose queue is waited for. It takes
// part once registered.
func NewClient() *Client {
	c := new(Client)
	c.Init(nil, nil)
	return c
}

// Init makes a zero Client one whose queue is looked into when ready lists it, or, where
// ready is nil, one whose queue is waited for.
func (c *Client) Init(ready *Ready, owner any) {
	c.queue, c.ready, c.owner = make(chan Batch, queuePlaces+signalPlaces), ready, owner
}

// Owner is what Init was given.
func (c *Client) Owner() any { return c.owner }

// Queue is where the WritePump takes its batches.
func (c *Client) Queue() <-chan Batch { return c.queue }

// unsent is the number of bytes that the WritePump has not yet taken.
func (c *Client) unsent() int {
	n, sum := len(c.queue), 0
	for i := 1; i <= n; i++ {
		sum += int(c.sizes[(int(c.next)+len(c.sizes)-i)%len(c.sizes)])
	}
	return sum + c.held.Len()
}
