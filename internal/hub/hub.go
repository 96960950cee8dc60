package hub

import (
	"context"
	"time"
)

// Options are the hub's settings and the two things it does not know: how a payload
// becomes a frame, and how a notice is worded.
type Options struct {
	// QueueBytes bounds the bytes that wait for one client. A client with more lags. A
	// WritePump may also hold what it is writing, at most MaxWrite.
	QueueBytes int
	// Frame appends payload to dst as a complete WebSocket frame.
	Frame func(dst []byte, payload string) []byte
	// Stamped appends the stamped form of a value to dst as a complete WebSocket frame, for
	// the members that joined with Wants.Stamp.
	Stamped func(dst []byte, e *BroadcastEvent) []byte
	// Conflated returns the payload of the notice that skipped live events of a room
	// were left out.
	Conflated func(room string, skipped uint64) string
	// Lost returns the payload of the notice that messages of a room were lost.
	Lost func(room string, messages uint64) string
	// Now is the time by a steady clock, from any beginning. nil: that of the runtime.
	Now func() time.Duration
}

// Bounds of the hub's work and memory.
const (
	MaxWrite       = 64 << 10 // bytes of one batch, so that a WritePump holds no more at a time
	maxTurn        = 64 << 10 // payload bytes of events routed before they are flushed
	stampBytes     = 96       // what a stamped form has more, about
	pullBytes      = 16 << 10 // bytes that one pull brings a lagging client
	maxFixedFrames = 1024     // replies that wait for a lagging client
	joinTimes      = 4        // as much may wait for a client that a join of many rooms lets read nothing
	roomsPerStep   = 100      // rooms that one command joins, leaves or looks up
	eventPlaces    = 64       // slices of events that wait for the hub
	commandPlaces  = 64
)

// Hub routes events to the clients of rooms. Its methods are safe for concurrent use by
// multiple goroutines. Run is called once.
type Hub struct {
	// Immutable after New.
	opts     Options
	commands chan command
	events   chan []BroadcastEvent
	done     chan struct{} // closed when Run has ended
	step     int           // roomsPerStep; another number in tests

	// Owned by Run.
	rooms        map[string]map[*Client]int32 // members of each room, each with the room's index in Client.rooms
	traffic      map[string]*traffic          // one for each room with members
	clients      map[*Client]struct{}         // all registered clients
	watchers     map[*Client]struct{}         // clients that want the bridge's status
	bridgeStatus *Segment                     // newest status of the bridge; nil: none yet
	bridgeSlot   slot                         // of that status
	draining     bool                         // CloseAll was called
	due          dues                         // who waits for a turn
	turns        uint64                       // how many ever waited
	waiting      map[*Client]*turn            // one of the turns that a client waits for; the others follow it
	whole        map[*Client]int              // in how many rooms a client refuses conflation
	alarm        time.Duration                // when the timer fires; 0: never
	stats        Stats

	// Owned by Run, and empty between two turns.
	routed  []routed          // events of the turn under way, in order
	bytes   int               // payload bytes of routed
	active  []*traffic        // rooms with events in routed
	group   []*BroadcastEvent // events of one room
	touched []*Client         // clients that segments are held for
	ready   []*Ready          // Readys with clients in their lists
}

// New returns a hub that does nothing until Run.
func New(opts Options) *Hub {
	if opts.Now == nil {
		begin := time.Now()
		opts.Now = func() time.Duration { return time.Since(begin) }
	}
	return &Hub{
		opts:     opts,
		commands: make(chan command, commandPlaces),
		events:   make(chan []BroadcastEvent, eventPlaces),
		done:     make(chan struct{}),
		step:     roomsPerStep,
		rooms:    map[string]map[*Client]int32{},
		traffic:  map[string]*traffic{},
		clients:  map[*Client]struct{}{},
		watchers: map[*Client]struct{}{},
		waiting:  map[*Client]*turn{},
		whole:    map[*Client]int{},
	}
}

// Events is where events enter, in the order in which they are to be delivered. The
// hub owns a slice from the moment it is sent. A send blocks only while the hub is
// busy. Nothing receives after Done.
func (h *Hub) Events() chan<- []BroadcastEvent { return h.events }

// Done is closed when the hub has ended.
func (h *Hub) Done() <-chan struct{} { return h.done }

// Run is the hub's one goroutine. It returns when ctx ends.
func (h *Hub) Run(ctx context.Context) {
	defer close(h.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-h.commands:
			h.handle(c)
		case events := <-h.events:
			h.turn(events)
		case <-timer.C:
			h.alarm = 0
			h.takeDue()
		}
		if len(h.due) > 0 {
			h.setAlarm(timer)
		}
	}
}
