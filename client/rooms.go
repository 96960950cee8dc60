package client

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"backbone/protocol"
)

// JoinOptions says what a join asks for beyond the events of its rooms. The zero value
// asks for nothing more.
type JoinOptions struct {
	// MarkEmpty asks for a [NoSnapshot] for each room without a last price.
	MarkEmpty bool
	// Status asks for a [FeedStatus] when the feed of a room falls silent or is live again,
	// and for a [BridgeStatus].
	Status bool
	// SilentAfter, with Status, is how long no live event must have come for the feed of a room
	// to count as silent, in whole milliseconds. Default: the server's own time.
	SilentAfter time.Duration
	// Stamp asks for a [Stamp] in each price, and for a [Missed] where prices were missed
	// while there was no connection.
	Stamp bool
	// MaxRate asks for no more than so many prices of a room in a second, from 0.01 to 1000. The first
	// comes at once, later ones as the newest when its time has come, the last of a burst always; a
	// [Conflated] tells how many were left out. 0 says nothing; [NoMaxRate] has each price come again.
	MaxRate float64
	// Conflate says what is left out of a room while the program is behind. "" says nothing.
	Conflate Conflation
}

// NoMaxRate is the [JoinOptions].MaxRate that ends the rate of a room that is joined already.
const NoMaxRate = -1

// Conflation says what a server leaves out while the program is behind.
type Conflation string

// The conflations.
const (
	// ConflateBehind leaves out all but the newest price of each room, and tells how many. It is the default.
	ConflateBehind Conflation = protocol.ConflateBehind
	// ConflateNever leaves out nothing: the server closes the connection with [CloseSlowConsumer] instead,
	// and the client connects again. Then a [Missed] tells what was missed, with [JoinOptions].Stamp.
	ConflateNever Conflation = protocol.ConflateNever
)

// Join joins rooms and waits for the reply, if necessary on the next connection. It is
// JoinWith without options.
func (c *Conn) Join(ctx context.Context, rooms ...string) error {
	return c.JoinWith(ctx, JoinOptions{}, rooms...)
}

// JoinWith joins rooms and waits for the reply, if necessary on the next connection. A room
// keeps the options until it is left, and is joined again with them after a lost connection.
//
// A room that is joined already stays joined with the options it has. That is not an error
// for a join without options; otherwise the room is listed in the JoinError's Unchanged. To
// change its options, leave it first. Stamp can be added by joining again, and MaxRate and Conflate can be
// changed: of MaxRate and ConflateNever the one that was asked for last holds.
//
// A server that is older than an option refuses the rooms with [CodeUnknownField]. After a reconnect to such a
// server the rooms are joined without, and [Rejoined] says that it is Reduced.
//
// If some rooms are rejected or unchanged, the error is a *[JoinError], and the other rooms are
// joined. After any other error the rooms may or may not be joined; joining again is
// harmless.
func (c *Conn) JoinWith(ctx context.Context, opt JoinOptions, rooms ...string) error {
	if err := opt.check(); err != nil {
		return err
	}
	var failed JoinError
	valid := make([]string, 0, len(rooms))
	for _, room := range rooms {
		if err := checkRoom(room); err != nil {
			failed.Rejected = append(failed.Rejected, Rejected{Room: room, Code: err.Code, Message: err.Message})
			continue
		}
		valid = append(valid, room)
	}
	groups := map[JoinOptions][]string{}
	for _, room := range valid {
		asks := c.s.rooms.keeping(room, opt)
		groups[asks] = append(groups[asks], room)
	}
	for _, join := range c.s.inMessages(groups) {
		m, err := c.join(ctx, opt, join)
		if refused, ok := errors.AsType[*RequestError](err); ok {
			failed.Rejected = append(failed.Rejected, rejectAll(join.rooms, refused.Code, refused.Message)...)
			continue
		}
		if some, ok := errors.AsType[*JoinError](err); ok {
			failed.Unchanged = append(failed.Unchanged, some.Unchanged...)
		} else if err != nil {
			return err
		}
		if m != nil { // a server that answers nonsense
			failed.Rejected = append(failed.Rejected, m.Rejected...)
		}
	}
	if len(failed.Rejected)+len(failed.Unchanged) > 0 {
		return &failed
	}
	return nil
}

func rejectAll(rooms []string, code Code, message string) (rejected []Rejected) {
	for _, room := range rooms {
		rejected = append(rejected, Rejected{Room: room, Code: code, Message: message})
	}
	return rejected
}

// join sends one message for a program that asks for opt. Every join says what is wanted of the connection as
// a whole, unless the server is older than that.
func (c *Conn) join(ctx context.Context, opt JoinOptions, join rejoin) (*protocol.ServerMessage, error) {
	for {
		plain := false
		m, err := c.insist(ctx, func(call *call) []byte {
			plain = c.s.plain.Load()
			call.join, call.sent, call.plain = opt, join.options, plain
			if plain && call.sent != opt {
				call.sent.SilentAfter = 0 // which the program does not ask for, and the server may not know
			}
			return c.s.encodeJoin(join.rooms, call.sent, plain, call.id)
		})
		refused, ok := errors.AsType[*RequestError](err)
		if !ok || refused.Code != protocol.CodeUnknownField || plain {
			return m, err
		}
	}
}

// Rooms returns the names of the joined rooms, sorted. While there is no connection it
// returns those that will be joined again.
func (c *Conn) Rooms() []string {
	var names []string
	for room := range c.s.rooms.options.Range {
		names = append(names, room.(string))
	}
	slices.Sort(names)
	return names
}

// Leave leaves rooms and waits for the replies. Events of a room that were received before
// its reply may still be in the buffer. Each room that was not joined adds a *[RequestError]
// to the error (see errors.Join), and the other rooms are left. A room that is named twice is
// left once. A room that waits to be joined again, see [Rejoined], is left and waits no more. A room of a joined
// prefix comes back when the prefix is joined again.
func (c *Conn) Leave(ctx context.Context, rooms ...string) error {
	var errs []error
	leave := func(room string) func(*call) []byte {
		return func(call *call) []byte {
			call.leave = &protocol.ClientMessage{Type: protocol.TypeLeave, Room: room, ID: strconv.FormatUint(call.id, 10)}
			return encode(call.leave)
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

// joined notes the rooms of a reply to a join for a program that asks for opt. Its error is a
// *JoinError that lists the rooms that keep other options.
func (s *session) joined(m *protocol.ServerMessage, opt, sent JoinOptions) error {
	var unchanged []string
	s.rooms.ofPrefix.Delete(m.Room)
	if m.Room != "" && !s.rooms.add(m.Room, opt, sent) {
		unchanged = append(unchanged, m.Room)
	}
	for _, room := range m.Rooms {
		s.rooms.ofPrefix.Delete(room)
		if !s.rooms.add(room, opt, sent) {
			unchanged = append(unchanged, room)
		}
	}
	if unchanged == nil {
		return nil
	}
	return &JoinError{Unchanged: unchanged}
}

// joinedLate takes what the program has joined, with these options, out of the joins that wait to be sent again.
// A room with options from before that this join does not ask for waits on, with all that it has by now. It is false
// once the session has ended.
func (s *session) joinedLate(conn *connection, m *protocol.ServerMessage, opt JoinOptions) (alive bool) {
	if len(conn.later) == 0 && !conn.repeating {
		return true
	}
	rooms := map[string]bool{m.Room: true}
	if m.Prefix == nil { // else they are not joined by their names
		for _, room := range m.Rooms {
			rooms[room] = true
		}
	}
	waited := s.takeOut(conn, rooms, m.Prefix, func(taken *rejoin) []rejoin {
		taken.options = opt // a prefix keeps its own, and has no more to say
		return s.asNow(taken)
	})
	return !waited || len(conn.rejoins)+len(conn.later) > 0 || s.allRejoined(conn)
}

// asNow takes those rooms out of a join that the program has given other options meanwhile, and returns joins of them
// with these, which say all that the server is to change.
func (s *session) asNow(join *rejoin) (changed []rejoin) {
	asked := join.options.settled()
	groups := map[JoinOptions][]string{}
	join.rooms = slices.DeleteFunc(slices.Clone(join.rooms), func(room string) bool {
		had, joined := s.rooms.options.Load(room)
		now, _ := had.(JoinOptions)
		if !joined || now == asked {
			return false
		}
		groups[now] = append(groups[now], room)
		return true
	})
	asks := map[JoinOptions][]string{}
	for opt, rooms := range groups {
		if opt.MaxRate == 0 && asked.MaxRate > 0 {
			opt.MaxRate = NoMaxRate
		}
		if opt.Conflate == "" && asked.Conflate != "" {
			opt.Conflate = ConflateBehind
		}
		asks[opt] = append(asks[opt], rooms...)
	}
	changed = s.inMessages(asks)
	for i := range changed {
		changed[i].plain, changed[i].later = join.plain, join.later
	}
	return changed
}
