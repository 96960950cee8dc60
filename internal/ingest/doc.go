// Package ingest is the one goroutine between the pumps and the hub, through which
// every event passes, local or remote. Because there is one, the order in which it hands
// events on is the order of this instance, and its table of newest values needs no lock.
//
// It stamps local events with a version, remembers the newest value of each room and type
// while it is alive, admits from other instances only what is newer, gives warm starts, and
// feeds the bridge. DESIGN.md in this folder says more.
//
// # What waits for what
//
// Pumps and the bridge's inbox wait for ingest, and ingest waits for the hub. The hub waits
// for nothing. Everything in the other direction is an offer that never blocks: the outbox's
// batch and the rooms to read stay here until the bridge receives them.
package ingest
