package client

import (
	"context"
	"iter"
	"sync"
)

// All returns what the Conn receives, as [Conn.Events] does, for a range loop:
//
//	for ev, err := range conn.All(ctx) {
//		if err != nil {
//			return err // the end: nothing comes behind it
//		}
//		switch ev := ev.(type) {
//		case client.PriceUpdate:
//			// ...
//		}
//	}
//
// The loop ends with an error when ctx has ended, which is context.Cause(ctx), or when the server has refused
// the client, which is Err; and without one after Close, behind what was received before. The Conn lives on
// when the loop ends: another loop goes on with the next event. Events and all loops share one queue, so
// each event comes once, to one of them.
func (c *Conn) All(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			select {
			case ev, open := <-c.s.events:
				if !open {
					if err := c.Err(); err != nil {
						yield(nil, err)
					}
					return
				}
				if !yield(ev, nil) {
					return
				}
			case <-ctx.Done(): // and around once more
			}
		}
	}
}

// Handlers calls a function for the events of each room. The zero Handlers has none. Its methods are safe
// for concurrent use by multiple goroutines.
//
//	var h client.Handlers
//	h.Handle("BTC_USDT", func(ev client.Event) { ... })
//	h.Handle("", func(ev client.Event) { ... }) // everything else
//	err := h.Run(ctx, conn)
type Handlers struct {
	rooms sync.Map // func(Event) by room; any goroutine
}

// Handle has f called with the events of a room, in order: see [RoomOf]. The room "" is for events of no
// room, such as [Disconnected], and of rooms without a function. f takes the place of the one before; nil
// only ends that. It does not join the room.
func (h *Handlers) Handle(room string, f func(Event)) {
	if f == nil {
		h.rooms.Delete(room)
		return
	}
	h.rooms.Store(room, f)
}

// Run calls the functions with what conn receives, one after the other in the goroutine of the caller,
// until the end of [Conn.All]. It returns the error of that, which is nil after Close. Until a function
// returns no other event is handled: a slow one makes the program slow.
func (h *Handlers) Run(ctx context.Context, conn *Conn) error {
	for ev, err := range conn.All(ctx) {
		if err != nil {
			return err
		}
		h.Call(ev)
	}
	return nil
}

// Call calls the function for one event, if there is one, and returns when that has. It is for programs
// with a loop of their own.
func (h *Handlers) Call(ev Event) {
	f, ok := h.rooms.Load(RoomOf(ev))
	if !ok {
		if f, ok = h.rooms.Load(""); !ok {
			return
		}
	}
	f.(func(Event))(ev)
}

// RoomOf returns the room that an event is of: the instrument of a price, the room of a chat message. It is
// "" for an event of no room, or of several.
func RoomOf(ev Event) string {
	switch ev := ev.(type) {
	case PriceUpdate:
		return ev.Instrument
	case Retired:
		return ev.Instrument
	case ChatMessage:
		return ev.Room
	case Conflated:
		return ev.Room
	case Lost:
		return ev.Room
	case Missed:
		return ev.Room
	case NoSnapshot:
		return ev.Room
	case FeedStatus:
		return ev.Room
	}
	return ""
}
