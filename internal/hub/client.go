package hub

// Places in a client's queue. The limit that counts is Options.QueueBytes: batches that
// find no place are held by the hub and follow with the next batch or the next pull.
const (
	queuePlaces  = 6
	signalPlaces = 4 // further places for signals: a Behind for each pull under way and one more, and one Close
)

// Signal is what the hub tells a client's write side in addition to frames. Signals come in
// order with the batches.
type Signal uint8

// The signals. A batch with a signal is otherwise empty.
const (
	// NoSignal means that the batch holds frames, or that a pull found none.
	NoSignal Signal = iota
	// Behind means that the hub holds frames for this client. The write side pulls them once
	// the queue is empty.
	Behind
	// CloseSlow means that the client is closed because it does not keep up.
	CloseSlow
	// CloseDrain means that the client is to go elsewhere: the instance stops, or the connection is old
	// enough. The write side pulls until it gets an empty
	// batch, then closes.
	CloseDrain
	// CloseWhole means that the client is closed because it does not keep up and has refused conflation.
	CloseWhole
)

// Client is the hub's handle of one connection: its queue and its rooms. It has no
// socket. The connection's pumps reach the hub through its methods, and the hub reaches
// the pumps through the client's queue.
type Client struct {
	// Immutable after Init.
	queue chan Batch // hub -> WritePump
	ready *Ready     // lists the client when queue gets something; nil: the reader waits for queue
	owner any

	// Owned by Hub.Run.
	rooms     []string                          // the client's rooms
	held      Batch                             // segments that are not in the queue yet
	lag       *lagList                          // nil: not lagging
	sticky    bool                              // its reader is slow: it goes on lagging while its list is empty
	piled     bool                              // more waits for it than usual, from a join that let it read nothing
	sizes     [queuePlaces + signalPlaces]int32 // sizes of the batches that were enqueued last
	next      uint8                             // index in sizes of the next batch's size
	touched   bool                              // listed in Hub.touched
	signalled bool                              // was sent Behind, and has not pulled yet
	entering  bool                              // a join is under way: what the client gets waits until it is in all of the rooms
	closing   bool                              // was sent a Close signal: it gets no further events
	aged      bool                              // why it lags: what waited for it grew old, and not too many bytes did
	hint      uint16                            // segments of the last batch, to size the next one
	skipped   uint64                            // live events left out for it
}

// Init prepares a zero Client. With a Ready, the Ready lists the client whenever its
// queue gets something. With ready nil, the reader waits for the queue itself.
func (c *Client) Init(ready *Ready, owner any) {
	c.queue, c.ready, c.owner = make(chan Batch, queuePlaces+signalPlaces), ready, owner
}

// Owner returns the owner that was passed to Init.
func (c *Client) Owner() any { return c.owner }

// Queue is where the WritePump receives its batches.
func (c *Client) Queue() <-chan Batch { return c.queue }

// unsent is the number of bytes that the WritePump has not received yet.
func (c *Client) unsent() int {
	n, sum := len(c.queue), 0
	for i := 1; i <= n; i++ {
		sum += int(c.sizes[(int(c.next)+len(c.sizes)-i)%len(c.sizes)])
	}
	return sum + c.held.Len()
}
