// Package ingest is the one goroutine between the pumps and the hub, through which
// every event passes, local or remote. Because it is one, the order in which it hands
// events on is the order that this instance knows, and its table of newest values
// needs no lock.
//
// It stamps local events with a version, remembers the newest value of each room for
// as long as it lives, admits from other instances only what is newer, answers warm
// starts, and feeds the bridge. See DESIGN.md beside this file.
//
// # What waits for what
//
// Pumps and the bridge's inbox wait for ingest, ingest waits for the hub, the hub for
// nobody. Everything the other way is an offer that never blocks: the batch for the
// outbox and the rooms to read are kept here until the bridge takes them.
package ingest
