// Package hub is the routing authority of an instance: one goroutine that owns every
// room and every membership, and gives each event to the members of its room.
//
// It routes bytes. It never looks into a payload, knows no domain, and never waits:
// not for a client, not for Redis, not for anything else. State changes reach it as
// commands on one ordered channel, events on another; nothing of its state is shared.
//
// # Order
//
// A client hears the events of one room in the order in which the hub got them.
// Nothing is promised between rooms: what one drain brings is grouped by room. The
// reply to a join is the first thing a client hears of that room and the reply to a
// leave the last.
//
// # What a slow client gets
//
// As long as a client's unsent bytes stay within [Options.QueueBytes] it gets
// everything. Beyond that it lags: for each of its rooms the hub then keeps only the
// newest State event and counts those it replaced; Message events and replies are
// kept, up to a bound past which the client is closed. The client's WritePump, done
// with what it has, pulls this list piece by piece; when the list is empty the client
// is no longer lagging. See DESIGN.md beside this file.
package hub
