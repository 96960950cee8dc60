package hub

import (
	"cmp"
	"slices"
)

// audience is the members of a room that want its status, by group. Most rooms have none of
// them, and most others only group 0.
type audience struct {
	groups []group            // by number; none is empty
	of     map[*Client]uint32 // the group of each member that is not in group 0; nil: there never were any
}

// group is the members that are told the same statuses of a room.
type group struct {
	number  uint32
	members map[*Client]struct{}
	due     []*Client // those that have not been told it yet
}

// find returns the index in groups where a group is or belongs, and the group if it is there.
func (a *audience) find(number uint32) (int, *group) {
	i, found := slices.BinarySearchFunc(a.groups, number, func(g group, n uint32) int { return cmp.Compare(g.number, n) })
	if !found {
		return i, nil
	}
	return i, &a.groups[i]
}

// add has a new member told the statuses of a group.
func (a *audience) add(c *Client, number uint32) {
	i, g := a.find(number)
	if g == nil {
		a.groups = slices.Insert(a.groups, i, group{number: number, members: map[*Client]struct{}{}})
		g = &a.groups[i]
	}
	if number != 0 {
		if a.of == nil {
			a.of = map[*Client]uint32{}
		}
		a.of[c] = number
	}
	g.members[c] = struct{}{}
	g.due = append(g.due, c)
}

// remove has c told nothing more; it may be in no group.
func (a *audience) remove(c *Client) {
	i, g := a.find(a.of[c])
	if g == nil {
		return
	}
	delete(a.of, c)
	delete(g.members, c)
	g.due = without(g.due, c)
	if len(g.members) == 0 {
		a.groups = slices.Delete(a.groups, i, i+1)
	}
}

// fanOutStatus gives a room's status to the members that it is for.
func (h *Hub) fanOutStatus(t *traffic, e *BroadcastEvent, f *forms) {
	_, g := t.audience.find(e.Group)
	if g == nil {
		return
	}
	if t.status == nil {
		t.status = &slot{room: t.room}
	}
	f.slot = t.status
	s := f.plain()
	if e.Kind == StatusNow {
		for _, c := range g.due {
			h.hold(c, s)
		}
	} else {
		for c := range g.members {
			h.hold(c, s)
		}
	}
	g.due = nil
}

// fanOutBridgeStatus tells all clients that want it the bridge's status.
func (h *Hub) fanOutBridgeStatus(e *BroadcastEvent) {
	h.bridgeStatus = h.segment([]*BroadcastEvent{e}, &h.bridgeSlot, false)
	for c := range h.watchers {
		h.hold(c, h.bridgeStatus)
	}
}
