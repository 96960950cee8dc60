package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"backbone/protocol"
)

// ListRooms returns the names of the rooms that have a price, that begin with prefix, and that this client may
// join, sorted. An empty prefix is for all. A server tells 1,000 at a time, so long lists take several
// requests. The error is a *[RequestError] if the server does not tell: it may be an edge, or older than this.
func (c *Conn) ListRooms(ctx context.Context, prefix string) ([]string, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	var all []string
	for after := ""; ; after = all[len(all)-1] {
		m, err := c.insist(ctx, func(call *call) []byte {
			return encode(protocol.ClientMessage{Type: protocol.TypeRooms, Prefix: &prefix, After: after, ID: strconv.FormatUint(call.id, 10)})
		})
		if refused, ok := errors.AsType[*RequestError](err); ok && refused.Code == CodeUnknownType {
			return nil, older(refused, "tells no rooms")
		}
		if err != nil {
			return nil, err
		}
		if m == nil { // a server that answers nonsense
			return all, nil
		}
		all = append(all, m.Rooms...)
		if !m.More || len(m.Rooms) == 0 {
			return all, nil
		}
	}
}

// JoinPrefix joins the rooms that have a price and begin with prefix, and those that get a price later, until
// LeavePrefix. An empty prefix is for all rooms. It is JoinPrefixWith without options.
func (c *Conn) JoinPrefix(ctx context.Context, prefix string) error {
	return c.JoinPrefixWith(ctx, JoinOptions{}, prefix)
}

// JoinPrefixWith joins rooms as JoinPrefix does, each with these options, and waits until the client is in those
// that there are, if necessary on the next connection. A [Joined] comes before the first event of each room.
// The prefix is joined again after a lost connection, with the rooms that have a price then. A prefix that is
// joined already keeps its options. While other rooms wait to be joined again, see [Rejoined], the prefix waits too.
//
// If the server's limit keeps rooms out, the error is a *[JoinError] that names one of them, and the others are
// joined. A *[RequestError] says that the server joins no prefixes: it may be an edge, or older than this.
func (c *Conn) JoinPrefixWith(ctx context.Context, opt JoinOptions, prefix string) error {
	if err := opt.check(); err != nil {
		return err
	}
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	had, joined := c.s.rooms.prefixes.LoadOrStore(prefix, opt) // the rooms come before the reply
	if joined {
		opt = had.(JoinOptions)
	}
	for {
		plain := false
		m, err := c.insist(ctx, func(call *call) []byte {
			plain = c.s.plain.Load()
			call.plain, call.prefix = plain, true
			return c.s.encodePrefix(prefix, opt, plain, call.id)
		})
		refused, ok := errors.AsType[*RequestError](err)
		switch old := ok && refused.Code == CodeUnknownField; {
		case old && !plain && !strings.HasPrefix(refused.Message, "prefix:"):
			continue
		case ok && !joined:
			c.s.rooms.prefixes.Delete(prefix)
		}
		switch {
		case ok && refused.Code == CodeUnknownField:
			return older(refused, "joins no prefixes")
		case err != nil:
			return err
		case m != nil && len(m.Rejected) > 0:
			return &JoinError{Rejected: m.Rejected}
		}
		return nil
	}
}

// LeavePrefix ends what JoinPrefix began: it leaves the rooms of the prefix that are not joined by their names
// or by another prefix. It waits for a join of a prefix that waits. The error is a *[RequestError] if the prefix was
// not joined.
func (c *Conn) LeavePrefix(ctx context.Context, prefix string) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	leave := func(call *call) []byte {
		call.prefix = true
		call.leave = &protocol.ClientMessage{Type: protocol.TypeLeave, Prefix: &prefix, ID: strconv.FormatUint(call.id, 10)}
		return encode(call.leave)
	}
	_, err := c.s.do(ctx, leave)
	if c.lost(ctx, err) {
		_, err = c.insist(ctx, leave)
		if refused, ok := errors.AsType[*RequestError](err); ok && refused.Code == CodeNotJoined {
			err = nil // the first request was carried out
		}
	}
	if err != nil {
		return err
	}
	var left []string // what a move has joined by name
	for room := range c.s.rooms.ofPrefix.Range {
		if name := room.(string); strings.HasPrefix(name, prefix) && !c.s.rooms.followed(name) {
			left = append(left, name)
		}
	}
	return c.Leave(ctx, left...)
}

// older is the error of a server that does not know a request.
func older(refused *RequestError, what string) error {
	return &RequestError{Code: refused.Code, Message: "the server is older than that and " + what + ": " + refused.Message, ID: refused.ID, Index: refused.Index}
}

func checkPrefix(prefix string) error {
	if fault := protocol.PrefixFault(prefix); fault != "" {
		return invalid(protocol.CodeInvalidRoom, "prefix: %q %s", clip(prefix), fault)
	}
	return nil
}

// encodePrefix is encodeJoin for a prefix.
func (s *session) encodePrefix(prefix string, opt JoinOptions, plain bool, id uint64) []byte {
	m := s.joinMessage(opt, plain, id)
	m.Prefix = &prefix
	return encode(m)
}

// followed reports whether a joined prefix has the room.
func (r *joinedRooms) followed(room string) bool {
	for end := range len(room) + 1 {
		if _, joined := r.prefixes.Load(room[:end]); joined {
			return true
		}
	}
	return false
}

// prefixed returns the joined prefixes, sorted.
func (r *joinedRooms) prefixed() (all []string) {
	for prefix := range r.prefixes.Range {
		all = append(all, prefix.(string))
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return all
}

// joinedPrefix takes rooms of a prefix that the server has joined. It delivers those that are new. It is false
// once the session has ended.
func (s *session) joinedPrefix(conn *connection, m *protocol.ServerMessage) bool {
	had, _ := s.rooms.prefixes.Load(*m.Prefix)
	opt, _ := had.(JoinOptions)
	told := Joined{Prefix: *m.Prefix, Rejected: m.Rejected}
	for _, room := range m.Rooms {
		delete(conn.unconfirmed, room)
		if _, known := s.rooms.names[room]; !known && protocol.ValidRoom(room) {
			s.rooms.add(room, opt, opt)
			s.rooms.ofPrefix.Store(room, nil)
			told.Rooms = append(told.Rooms, room)
		}
	}
	if conn.kept == nil {
		conn.kept = map[string][]Rejected{}
	}
	conn.kept[*m.Prefix] = append(conn.kept[*m.Prefix], m.Rejected...)
	if m.ID != "" { // the last part
		m.Rejected = conn.kept[*m.Prefix]
		delete(conn.kept, *m.Prefix)
	}
	if len(conn.rejoins) > 0 {
		conn.rejoined.Rooms = append(conn.rejoined.Rooms, m.Rooms...)
	}
	return len(told.Rooms)+len(told.Rejected) == 0 || s.deliver(told)
}

// leftPrefix takes rooms of a prefix that the server has left. One that is joined by its name too waits for that, else
// the server would not have left it.
func (s *session) leftPrefix(m *protocol.ServerMessage) {
	for _, room := range m.Rooms {
		if _, of := s.rooms.ofPrefix.Load(room); of {
			s.rooms.remove(room)
		}
	}
	if m.ID != "" {
		s.rooms.prefixes.Delete(*m.Prefix)
	}
}

// isBehind reports whether a join of a prefix has to wait for others: those of its rooms by their names, and those of
// longer prefixes. A server keeps most of the options with which a room is joined first.
func (conn *connection) isBehind(j rejoin) bool {
	if j.prefix == nil {
		return false
	}
	has := func(name string) bool { return strings.HasPrefix(name, *j.prefix) }
	before := func(other rejoin) bool {
		longer := other.prefix != nil && *other.prefix != *j.prefix && has(*other.prefix)
		return longer || slices.ContainsFunc(other.rooms, has)
	}
	for _, other := range conn.rejoins {
		if before(other) {
			return true
		}
	}
	return slices.ContainsFunc(conn.later, before)
}

// confirm notes which rooms are joined because of a prefix, of which the next connection has to say that it is
// in them too.
func (s *session) confirm(conn *connection) {
	conn.unconfirmed = map[string]bool{}
	for room := range s.rooms.ofPrefix.Range {
		conn.unconfirmed[room.(string)] = true
	}
}

// removeUnconfirmed forgets rooms that have no price where the client is now, and prefixes that are not joined
// there.
func (s *session) removeUnconfirmed(conn *connection) {
	for _, refused := range conn.rejoined.RejectedPrefixes {
		s.rooms.prefixes.Delete(refused.Room)
	}
	for room := range conn.unconfirmed {
		if _, still := s.rooms.ofPrefix.Load(room); still {
			s.rooms.remove(room)
		}
	}
	conn.unconfirmed = nil
}
