// Package transport is the WebSocket side of an instance: it accepts connections,
// upgrades those that ask for a WebSocket, and runs a ReadPump and a WritePump for
// each. It is the only server package that touches a socket.
//
// The ReadPump reads frames, has the domains validate messages, asks the hub for joins
// and leaves and hands events to ingest; it also keeps the connection alive, by its
// read deadline. The WritePump writes what the hub queues for the client and what the
// ReadPump replies; it joins what waits into one write and never waits for more.
//
// A ReadPump has a goroutine. A WritePump has one only where it must wait: what a kernel
// takes at once is written by a writer, of which there is one for each core.
//
// A connection belongs to its ReadPump: whichever pump ends first, the ReadPump's
// goroutine sees both end, closes the socket and takes the client out of the hub.
package transport
