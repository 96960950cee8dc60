package client

import (
	"context"
	"errors"
	"strconv"
	"time"

	"backbone/protocol"
)

// Conn is a consumer: it joins rooms and receives their events. All methods may be
// called by any number of goroutines at once. It connects again by itself, and joins
// its rooms again, until it is closed, its context ends, or the server refuses it.
//
// The answers to Join, Leave, Send and Ping come behind the events that are on their
// way, so somebody should be receiving from Events meanwhile. The goroutine that does
// may call them itself: up to 16 times Options.Buffer events are then kept for it.
type Conn struct {
	s *session
}

// Dial connects a consumer to the server at url, such as "ws://127.0.0.1:8080"; the
// path /ws is added where the URL has none. ctx is for the life of the Conn, not for
// the dialling alone: when it ends, the Conn closes. Options.DialTimeout bounds the
// attempt. A nil opt means all defaults.
//
// An error is a *[ConnectError] where the server could not be reached or refused
// (errors.Is tells: [ErrRefused]); any other names the argument that is wrong.
func Dial(ctx context.Context, url string, opt *Options) (*Conn, error) {
	s, err := open(ctx, url, protocol.PathConsume, protocol.Consumer, opt)
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

// Err is why the Conn ended: nil while it lives and after Close, else an error that
// wraps ErrRefused or the cause of the context's end.
func (c *Conn) Err() error { return c.s.err() }

// Join joins rooms and waits for the answer, if need be for the next connection. Where
// some are rejected the others are joined all the same, and the error is a *[JoinError].
// After any other error rooms may be joined or not; joining again does no harm.
func (c *Conn) Join(ctx context.Context, rooms ...string) error {
	var rejected []protocol.Rejected
	valid := make([]string, 0, len(rooms))
	for _, room := range rooms {
		if err := checkRoom(room); err != nil {
			rejected = append(rejected, protocol.Rejected{Room: room, Code: err.Code, Message: err.Message})
			continue
		}
		valid = append(valid, room)
	}
	for _, part := range splitRooms(valid) {
		m, err := c.insist(ctx, func(id uint64) []byte { return encodeJoin(part, &c.s.opt, id) })
		if refused, ok := errors.AsType[*RequestError](err); ok {
			for _, room := range part {
				rejected = append(rejected, protocol.Rejected{Room: room, Code: refused.Code, Message: refused.Message})
			}
			continue
		}
		if err != nil {
			return err
		}
		rejected = append(rejected, m.Rejected...)
	}
	if len(rejected) > 0 {
		return &JoinError{Rejected: rejected}
	}
	return nil
}

// Leave leaves rooms and waits for the answers. Events of a room that were received
// before its answer may still be in the buffer. Rooms that were not joined give a
// *[RequestError] each, joined by errors.Join, and the others are left all the same. A
// room that is named twice is left once.
func (c *Conn) Leave(ctx context.Context, rooms ...string) error {
	var errs []error
	leave := func(room string) func(id uint64) []byte {
		return func(id uint64) []byte {
			return encode(protocol.ClientMessage{Type: protocol.TypeLeave, Room: room, ID: strconv.FormatUint(id, 10)})
		}
	}
	calls := make(map[string]*call, len(rooms))
	for _, room := range rooms {
		if calls[room] != nil {
			continue
		}
		if err := checkRoom(room); err != nil {
			errs = append(errs, err)
			continue
		}
		call, err := c.s.begin(ctx, leave(room))
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		calls[room] = call
	}
	for _, room := range rooms {
		call := calls[room]
		if call == nil {
			continue
		}
		delete(calls, room)
		_, err := c.s.await(ctx, call)
		if c.lost(ctx, err) {
			_, err = c.insist(ctx, leave(room))
			if refused, ok := errors.AsType[*RequestError](err); ok && refused.Code == protocol.CodeNotJoined {
				err = nil // the first request was carried out
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Send sends a chat message to a room that was joined, and waits until the server has
// taken it in. It is sent at most once: after ErrConnectionLost its fate is unknown.
// What the server rejects is a *[RequestError], and so is a text of more than 16 KiB, or
// one that is longer than a message may be once its control characters are escaped.
func (c *Conn) Send(ctx context.Context, room, text string) error {
	if err := checkChat(room, text); err != nil {
		return err
	}
	_, err := c.s.do(ctx, func(id uint64) []byte { return encodeChat(room, text, id) })
	return err
}

// Ping asks the server for a sign of life and returns how long it took, waiting in
// both queues and behind received events included.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) { return c.s.roundTrip(ctx) }

// Close ends the Conn, within two seconds, and returns when no goroutine of it is left.
// Calls that wait return ErrClosed; events received before may still be taken from
// Events. It may be called more than once and always returns nil.
func (c *Conn) Close() error {
	c.s.close()
	return nil
}

// insist repeats a request that may be carried out twice on each new connection.
func (c *Conn) insist(ctx context.Context, build func(id uint64) []byte) (*protocol.ServerMessage, error) {
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
	_, err := s.do(ctx, func(id uint64) []byte {
		return encode(protocol.ClientMessage{Type: protocol.TypePing, ID: strconv.FormatUint(id, 10)})
	})
	if err != nil {
		return 0, err
	}
	return time.Since(start), nil
}
