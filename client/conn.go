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
// again, until it is closed or the server refuses it.
//
// The replies to Join, Leave, Send and Ping come behind the events that are on their way,
// so a goroutine should be receiving from Events meanwhile. That goroutine may call them
// itself: up to 16 times ConnOptions.Buffer events are then kept for it.
type Conn struct {
	s *session
}

// Dial connects a consumer to the server at url, such as "ws://127.0.0.1:8080"; the
// path /ws is added where the URL has none. ctx bounds the dial alone: once Dial has
// returned, its end changes nothing, and the Conn lives until Close. A nil opt means all
// defaults.
//
// The error is a *[ConnectError] where the server could not be reached or refused
// (errors.Is tells: [ErrRefused]); any other names the argument that is wrong.
func Dial(ctx context.Context, url string, opt *ConnOptions) (*Conn, error) {
	s, err := open(ctx, url, protocol.PathConsume, opt.settings())
	if err != nil {
		return nil, err
	}
	return &Conn{s: s}, nil
}

// Events returns what the Conn receives, in order; the same channel at every call. It
// is closed at the end of the Conn, and Err says why. A program that does not keep up
// fills the buffer, then the socket; then the server conflates. One that takes nothing
// for longer than the server's write timeout (10 s by default) is disconnected by it.
func (c *Conn) Events() <-chan Event { return c.s.events }

// Err is why the Conn ended: nil while it lives and after Close, otherwise an error that
// wraps ErrRefused.
func (c *Conn) Err() error { return c.s.err() }

// Send sends a chat message to a room that was joined, and waits until the server has
// acknowledged it. It is sent at most once: after ErrConnectionLost its fate is unknown.
// A message that the server rejects is a *[RequestError], and so is a text of more than
// 16 KiB, or one that is longer than a message may be once its control characters are
// escaped.
func (c *Conn) Send(ctx context.Context, room, text string) error {
	if err := checkChat(room, text); err != nil {
		return err
	}
	_, err := c.s.do(ctx, func(c *call) []byte { return encodeChat(room, text, c.id) })
	return err
}

// Ping asks the server for a sign of life and returns how long it took, waiting in
// both queues and behind received events included.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) { return c.s.roundTrip(ctx) }

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

// lost reports whether the next connection may give a better answer than err.
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
