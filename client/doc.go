// Package client is the Go SDK of the backbone: [Dial] connects a consumer, a [Conn],
// and [DialIngestor] a producer, an [Ingestor]. Both keep themselves connected.
//
// # Order
//
// A Conn delivers what the server sent on one connection, all of it, in the order in
// which it was sent. For one room that is the order in which the server's instance took
// the events in; rooms of one instance keep their order among themselves too, for a
// consumer that keeps up. On one connection no price follows a newer one of its
// instrument. What Join, Leave, Send and Ping return is not in that order: an event from
// before an answer may still be in the buffer when the call returns.
//
// An Ingestor sends what one goroutine publishes in that order. Between goroutines
// there is none.
//
// # Slow consumers
//
// A program that does not take its events fills Options.Buffer; then nothing is read,
// the socket's buffer fills, and the server sees it. From then on the server keeps the
// newest price of each room, and sends it, when there is room again, behind a
// [Conflated] with the number of those left out: all PriceUpdates that are no snapshot,
// plus all Skipped, are what was published since the join. Other consumers and
// producers notice nothing. Chat messages are never left out; a consumer that is too
// far behind for them, or takes nothing at all for long, is disconnected with
// [CloseSlowConsumer] and comes back as after any lost connection.
//
// # Snapshots
//
// A [PriceUpdate] with Snapshot set is the current value and not a tick. It comes after a
// join, and whenever the server recovered a value that it had missed, and replaces the
// value held.
//
// # Lost connections
//
// A connection ends, or gives no sign of life; [Disconnected] says so, and prices held
// may be out of date from then on. Attempts follow after random, growing waits. [Connected] is
// the first event of the next connection; rooms are joined again, [Rejoined] tells that
// they are, and a snapshot brings each to its current value, where the server knows
// one. What was published in between is gone: there is no replay, no count of it, and
// no order between events of two connections.
//
// A server that refuses the credentials ends the client: errors.Is(c.Err(), [ErrRefused]).
//
// # Published events
//
// Each is sent at most once. One that was written when the connection broke has an
// unknown fate, and a call that waits for its answer returns [ErrConnectionLost]; the
// program decides whether to publish it again. One that was still queued is sent on the
// next connection.
package client
