// Package client is the Go SDK of the backbone: [Dial] connects a consumer, a [Conn],
// and [DialIngestor] a producer, an [Ingestor]. Both keep themselves connected until
// Close.
//
// # Start here
//
// A program that reads prices dials, joins the rooms of its instruments, and goes through what comes:
//
//	conn, err := client.Dial(ctx, "ws://127.0.0.1:8080", nil)
//	if err != nil {
//		return err
//	}
//	defer conn.Close()
//	if err := conn.Join(ctx, "BTC_USDT"); err != nil {
//		return err
//	}
//	for ev, err := range conn.All(ctx) {
//		if err != nil {
//			return err
//		}
//		switch ev := ev.(type) {
//		case client.PriceUpdate:
//			fmt.Println(ev.Instrument, ev.Price)
//		case client.Disconnected:
//			fmt.Println("prices may be old:", ev.Err) // it connects again by itself
//		}
//	}
//
// A program that only wants to know what a price is now, from many goroutines, takes the package book instead:
// it keeps the newest of each room, and says whether it is fresh. Where events go to different parts of a program, [Handlers] calls a function for each room. A program that
// publishes has even less to do: [DialIngestor], [Ingestor.Publish], and Close, which waits until the server
// has everything.
//
// [Conn.Connected], [Conn.State] and [Conn.Stats] say how it goes, for a health check or a metric, and
// [Options].Logger tells it to a log. A [Price] is text and is compared exactly; [PriceUpdate.Time] reads the
// producer's time.
//
// The context of a dial bounds the dial alone. To end a client with a context:
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
// errors.Is(c.Err(), [ErrRefused]). So does the close code 4401, [CloseUnauthorized], at any time, unless
// [Options].Token gives each attempt a token of its own. But
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

import (
	"context"
	"errors"
	"strconv"
	"time"

	"backbone/protocol"
)

// Conn is a consumer: it joins rooms and receives their events. Its methods are safe for
// concurrent use by multiple goroutines. It connects again by itself, and joins its rooms
// again, until it is closed or the server refuses it at the first connection.
//
// The replies to Join, Leave, Send and Ping come after the events that are already on their
// way, so a goroutine should receive from Events meanwhile. That goroutine may also call these
// methods itself: up to 16 times ConnOptions.Buffer events are then kept for it.
type Conn struct {
	s *session
}

// Dial connects a consumer to the server at url, such as "ws://127.0.0.1:8080". The path /ws
// is put behind that of the URL. ctx bounds only the dial: once Dial
// has returned, the end of ctx changes nothing, and the Conn lives until Close. A nil opt means all
// defaults.
//
// Several URLs, with commas between them, are of servers of which one is enough. Each is tried once,
// in this order, before Dial fails or the next wait begins. After a lost connection the one after it
// is tried first.
//
// The error is a *[ConnectError] if the server could not be reached or refused the
// connection. errors.Is(err, [ErrRefused]) is true if it does not accept the credentials or the
// role. Any other error names the argument that is wrong.
func Dial(ctx context.Context, url string, opt *ConnOptions) (*Conn, error) {
	s, err := open(ctx, url, protocol.PathConsume, opt.settings())
	if err != nil {
		return nil, err
	}
	return &Conn{s: s}, nil
}

// Events returns the channel of what the Conn receives, in order. Every call returns the same
// channel. It is closed at the end of the Conn, and Err says why. If a program does not keep
// up, the server conflates. Once the buffer is full nothing is read any more, and the server
// disconnects a client that reads nothing for about half a minute.
func (c *Conn) Events() <-chan Event { return c.s.events }

// Err returns why the Conn ended. It is nil while the Conn lives and after Close, and
// otherwise wraps ErrRefused.
func (c *Conn) Err() error { return c.s.err() }

// Send sends a chat message to a joined room, and waits until the server has acknowledged it.
// The message is sent at most once: after ErrConnectionLost its fate is unknown. The error is
// a *[RequestError] if the server refuses the message, if the text has more than 16 KiB, or if
// it exceeds the size of a message once its control characters are escaped.
func (c *Conn) Send(ctx context.Context, room, text string) error {
	if err := checkChat(room, text); err != nil {
		return err
	}
	_, err := c.s.do(ctx, func(c *call) []byte { return encodeChat(room, text, c.id) })
	return err
}

// Ping asks the server for a reply and returns how long that took. The time includes the wait
// in both queues and behind received events.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) { return c.s.roundTrip(ctx) }

// Age returns how old the events are that the program receives now: the time since the server sent
// them. It is what the server has last measured by the program's progress, in milliseconds, or for
// how long the program has not come to what the client holds for it, if that is longer. The clocks
// of the two machines do not matter. The way of a price to the server and its wait there are not
// part of it; [JoinOptions].Stamp has the time at which a price was taken in.
//
// The server measures once in about 32 KiB, more often while the program is slow, and tells the
// result with its next measurement. So where little comes the age is that of a while ago. ok is
// false while no age is known: until the second measurement of a connection, while there is no
// connection, and with a server that bounds no ages (--max-age 0) or is older than this method.
func (c *Conn) Age() (age time.Duration, ok bool) {
	told := c.s.age.Load()
	if told == nil {
		return 0, false
	}
	age = *told
	if since := c.s.waiting.Load(); since != nil {
		age = max(age, time.Since(*since))
	}
	return age, true
}

// Close ends the Conn, within two seconds, and returns when no goroutine of it is left.
// Calls that wait return ErrClosed; events that Events holds can still be read from it.
// It may be called more than once and always returns nil.
func (c *Conn) Close() error {
	c.s.close()
	return nil
}

// insist repeats a request that may be carried out twice on each new connection.
func (c *Conn) insist(ctx context.Context, build func(*call) []byte) (*protocol.ServerMessage, error) {
	for {
		m, err := c.s.do(ctx, build)
		if !c.lost(ctx, err) {
			return m, err
		}
	}
}

// lost reports whether a request that failed with err should be repeated on the next
// connection.
func (c *Conn) lost(ctx context.Context, err error) bool {
	return errors.Is(err, ErrConnectionLost) && ctx.Err() == nil && c.s.ctx.Err() == nil
}

func (s *session) roundTrip(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	_, err := s.do(ctx, func(c *call) []byte {
		return encode(protocol.ClientMessage{Type: protocol.TypePing, ID: strconv.FormatUint(c.id, 10)})
	})
	if err != nil {
		return 0, err
	}
	return time.Since(start), nil
}
