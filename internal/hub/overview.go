package hub

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
)

// perLook is how many clients or rooms are looked at between two turns.
const perLook = 128

// ErrEnded is returned once Run has ended.
var ErrEnded = errors.New("hub: it has ended")

// Standings returns how clients stand, a few at a time, so that events are routed in between. A
// client that is not registered stands at zero. The error is that of ctx, or ErrEnded.
func (h *Hub) Standings(ctx context.Context, clients []*Client) ([]ClientStats, error) {
	all := make([]ClientStats, 0, len(clients))
	for some := range slices.Chunk(clients, perLook) {
		stats := make([]ClientStats, len(some)) // its own, because a look can come after ctx has ended
		if err := h.lookWithin(ctx, func() {
			for i, c := range some {
				stats[i], _ = h.standing(c)
			}
		}); err != nil {
			return nil, err
		}
		all = append(all, stats...)
	}
	return all, nil
}

// RoomMembers is a room and how many members it has.
type RoomMembers struct {
	Room    string
	Members int
}

// Rooms returns the rooms with members of which keep holds, in no order, a few at a time. A room that
// comes or goes meanwhile can be missing. The error is that of ctx, or ErrEnded.
func (h *Hub) Rooms(ctx context.Context, keep func(room string) bool) (all []RoomMembers, err error) {
	var (
		next func() (string, map[*Client]int32, bool)
		stop = func() {}
	)
	defer func() {
		if err == nil || errors.Is(err, ErrEnded) {
			stop()
			return
		}
		// The last look may be under way, or still to come. One more, which nobody waits for, ends what it began.
		h.send(command{op: opLook, look: func() { stop() }, result: make(chan []string, 1)})
	}()
	for more := true; more; {
		var some []RoomMembers
		begins := next == nil
		if err = h.lookWithin(ctx, func() { // Run alone goes through its map, a part of it in each look
			if begins {
				next, stop = iter.Pull2(maps.All(h.rooms))
			}
			for range perLook {
				room, members, here := next()
				if !here {
					more = false
					break
				}
				if keep(room) {
					some = append(some, RoomMembers{room, len(members)})
				}
			}
		}); err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// lookWithin is look that gives up when ctx ends: f may be called later then.
func (h *Hub) lookWithin(ctx context.Context, f func()) error {
	result := make(chan []string, 1)
	select {
	case h.commands <- command{op: opLook, look: f, result: result}:
	case <-h.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-result:
		return nil
	case <-h.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}
