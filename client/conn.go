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
// is added if the URL has no path or one that ends with a slash. ctx bounds only the dial: once Dial
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
