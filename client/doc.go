// Package client is the Go SDK of the backbone: [Dial] connects a consumer, a [Conn],
// and [DialIngestor] a producer, an [Ingestor]. Both keep themselves connected until
// Close. The context of a dial bounds the dial alone. To end a client with a context:
//
//	defer context.AfterFunc(ctx, func() { conn.Close() })()
//
// # Order
//
// A Conn delivers everything that the server sent on one connection, in the order in which
// it was sent. For one room that is the order in which the server's instance accepted the
// events. On one connection no price follows a newer one of its instrument. The returns of
// Join, Leave, Send and Ping are outside of this order: an event from before a reply can
// still be in the buffer when the call returns.
//
// An Ingestor sends what one goroutine publishes in that order. Between goroutines there is
// no order.
//
// # Slow consumers
//
// The client tells the server what the program has received from Events. When too much is
// waiting, in the client or before it, the server keeps the newest price of each room. It sends
// that price when the program goes on, behind a [Conflated] with the number of prices that were
// left out. So a slow program receives prices that are about half a second old at most (the
// server's --max-age), after what was under way when it became slow. The PriceUpdates without
// Snapshot, plus all Skipped, add up to what was published since the join. Other consumers and
// producers are not affected.
//
// A program that receives nothing gets single prices, about one a second, until
// ConnOptions.Buffer is full. Then the client stops reading. A server that bounds no ages, or is
// older than that bound, notices a slow program only then.
//
// Chat messages come behind the prices then. Past a bound they are lost, and a [Lost] says how many. The
// server disconnects a consumer that has read nothing for long with [CloseSlowConsumer]; the client then
// connects again as after any lost connection.
//
// # Snapshots
//
// A [PriceUpdate] with Snapshot set is the current value and not a tick: it replaces the
// value held. It comes after a join, and when the server has recovered a value that it had
// missed.
//
// # Lost connections
//
// [Disconnected] says that a connection ended or gave no sign of life; prices held may be
// out of date from then on. Attempts follow after random, growing waits. [Connected] is the
// first event of the next connection. The client joins its rooms again with the options they
// had, and [Rejoined] says that it has. A snapshot brings each room up to date if the server
// knows its last price. Events published in between are gone and not replayed. [Missed] says how
// many there were, for rooms joined with [JoinOptions].Stamp. There is no order between the events
// of two connections.
//
// [Conn.Age] says how old what the program receives is.
//
// To tell a quiet market from a dead line, set [ConnOptions].Heartbeat. To hear when a room's prices
// stop, join with [JoinOptions].Status.
//
// A server that refuses the credentials at the first connection ends the client:
// errors.Is(c.Err(), [ErrRefused]). So does the close code 4401, [CloseUnauthorized], at any time. But
// once a server has accepted the client, HTTP 401 and 403 may come from something in between, such as
// a proxy while the server restarts. The client then goes on trying: after 2.5 to 5 s, and each time
// after twice as long, up to 30 to 60 s. Disconnected tells the error. A server that answers 429 or
// 503 is left alone for as long as its Retry-After asks.
//
// # Published events
//
// Each event is sent at most once. One that was written when the connection broke has an
// unknown fate: a call that waits for its reply returns [ErrConnectionLost], and the program
// decides whether to publish it again.
//
// What waits when there is no connection is old when there is one again, and consumers would take it
// for news. So of each instrument only the newest price is kept, unless [IngestorOptions].Outage asks
// for every event or for none. [LeftOut] says how many were left out.
//
// # Tests
//
// The package clienttest has a server for the tests of programs that use this package.
package client
