// Package transport is the WebSocket side of an instance. It accepts connections, upgrades those
// that ask for a WebSocket, and runs a ReadPump and a WritePump for each. It is the only server
// package that touches a socket.
//
// The ReadPump reads frames, has the domains validate messages, asks the hub for joins and
// leaves, and gives events to ingest. Its read deadline also keeps the connection alive. The
// WritePump writes the batches that the hub queues for the client and the replies of the
// ReadPump. It joins what waits into one write, and never waits for more to come.
//
// A ReadPump has a goroutine. A WritePump has one only while it must wait: what a kernel takes
// without waiting is written by a writer, of which there is one for each core.
//
// A connection belongs to its read side. Whichever side fails first, the ReadPump's goroutine
// sees both end, closes the socket and takes the client out of the hub.
//
// DESIGN.md has the states of a connection, who owns them, and how a connection ends.
package transport
