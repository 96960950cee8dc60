package hub

import "context"

// Options are the hub's settings and the two things it does not know: how a payload
// becomes a frame, and how a notice is worded.
type Options struct {
	// QueueBytes bounds the bytes that wait for one client: above it the client
	// lags. Beside it a WritePump may hold what it is writing, MaxWrite at most.
	QueueBytes int
	// Frame appends payload to dst as a complete WebSocket frame.
	Frame func(dst []byte, payload string) []byte
	// Conflated is the payload of the notice that skipped live events of a room
	// were left out.
	Conflated func(room string, skipped uint64) string
}

// Bounds of the hub's work and memory.
const (
	MaxWrite       = 64 << 10 // bytes of one batch, so that a WritePump holds no more at a time
	maxDrain       = 64 << 10 // payload bytes of events routed before they are flushed
	pullBytes      = 16 << 10 // handed to a lagging client at one pull
	maxFixedFrames = 1024     // messages and replies that wait for a lagging client
	eventPlaces    = 64       // slices of events that wait for the hub
	commandPlaces  = 64
)

// Hub routes events to the clients of rooms. Its methods may be called by any number
// of goroutines at once; Run is called once.
type Hub struct {
	// Immutable after New.
	opts     Options
	commands chan command
	events   chan []BroadcastEvent
	done     chan struct{} // closed when Run has ended

	// Owned by Run.
	rooms    map[string]map[*Client]bool // true: has got a value of the room since it joined
	traffic  map[string]*traffic         // one for each room with members
	clients  map[*Client]struct{}        // all that are registered
	watchers map[*Client]struct{}        // of clients, those that want to hear of the instance's link
	link     *Segment                    // what those are told; nil: nothing was ever said
	draining bool                        // CloseAll was asked for
	stats    Stats

	// Owned by Run, and empty between two turns.
	drained []waiting         // events of the drain under way, in order
	bytes   int               // of their payloads
	active  []*traffic        // the rooms they are for
	group   []*BroadcastEvent // those of one room
	touched []*Client         // clients with segments in the flush under way
	ready   []*Ready          // those to be told of clients that got something
}

// New returns a hub that does nothing until Run.
func New(opts Options) *Hub {
	return &Hub{
		opts:     opts,
		commands: make(chan command, commandPlaces),
		events:   make(chan []BroadcastEvent, eventPlaces),
		done:     make(chan struct{}),
		rooms:    map[string]map[*Client]bool{},
		traffic:  map[string]*traffic{},
		clients:  map[*Client]struct{}{},
		watchers: map[*Client]struct{}{},
	}
}

// Events is where events enter, in the order in which they are to be delivered. The
// hub owns a slice from the moment it is sent. A send blocks only while the hub is
// busy; Done tells that it has ended.
func (h *Hub) Events() chan<- []BroadcastEvent { return h.events }

// Done is closed when the hub has ended.
func (h *Hub) Done() <-chan struct{} { return h.done }

// Run is the hub's one goroutine. It returns when ctx ends.
func (h *Hub) Run(ctx context.Context) {
	defer close(h.done)
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-h.commands:
			h.handle(c)
		case events := <-h.events:
			h.drain(events)
		}
	}
}
