// Package hub is the routing authority of an instance: one goroutine that owns every
// room and every membership, and fans each event out to the members of its room.
//
// It routes bytes. It never looks into a payload, knows no domain, and never waits:
// not for a client, not for Redis, not for anything else. Changes of its state reach it
// as commands on one ordered channel, events on another. It shares none of its state.
//
// # Order
//
// A client gets the events of one room in the order in which the hub got them.
// There is no order between rooms, because a turn groups its events by room. The reply
// to a join is the first frame that a client gets of a room, and the reply to a leave is
// the last.
//
// # What a slow client gets
//
// While a client's unsent bytes stay within [Options.QueueBytes] it gets everything.
// Beyond that it lags: the hub then keeps the newest State event of each room and type,
// and counts those that it replaced. Message events and replies are all kept, up to a
// bound past which the client is closed. When the client's WritePump has written what it
// has, it pulls this list piece by piece. Once the list is empty the client no longer
// lags. DESIGN.md in this folder says more.
package hub
