package client

import (
	"slices"
	"strings"

	"backbone/protocol"
)

// rejoin is one message that joins rooms, most often again.
type rejoin struct {
	rooms   []string
	prefix  *string // in place of rooms
	options JoinOptions
	plain   bool // it asks only for what a server of any age knows
	later   bool // it waited before: it was refused for its rate, or it was behind another
}

// rejoins returns the joined rooms as joins that fit into messages, rooms of the same options
// together, and behind them the joined prefixes, whose rooms the server names.
func (s *session) rejoins() (joins []rejoin) {
	groups := map[JoinOptions][]string{}
	for room, opt := range s.rooms.options.Range {
		if _, ofPrefix := s.rooms.ofPrefix.Load(room); ofPrefix {
			continue
		}
		groups[opt.(JoinOptions)] = append(groups[opt.(JoinOptions)], room.(string))
	}
	for _, rooms := range groups {
		slices.Sort(rooms)
	}
	joins = s.inMessages(groups)
	for _, prefix := range s.rooms.prefixed() {
		if opt, joined := s.rooms.prefixes.Load(prefix); joined {
			joins = append(joins, rejoin{prefix: &prefix, options: opt.(JoinOptions)})
		}
	}
	return joins
}

// rejoin prepares the messages that join again what was joined.
func (s *session) rejoin(conn *connection) (messages [][]byte) {
	s.plain.Store(false)
	s.noExtra() // of a move that did not come about
	s.rooms.lost()
	s.confirm(conn)
	var joins []rejoin
	if conn.back { // else a prefix can be there whose call is about to ask for it
		joins = s.rejoins()
	}
	for _, join := range joins {
		conn.rejoined.Rooms = append(conn.rejoined.Rooms, join.rooms...)
		if conn.isBehind(join) {
			conn.later = append(conn.later, join)
		} else {
			messages = append(messages, s.rejoinMessage(conn, join))
		}
	}
	slices.Sort(conn.rejoined.Rooms)
	conn.rejoining.Store(len(joins) > 0)
	conn.again = make(chan []byte, len(joins)+cap(conn.inflight))
	return messages
}

// rejoinAnswered collects the replies to the rejoin messages and delivers Rejoined after
// the last.
func (s *session) rejoinAnswered(conn *connection, join rejoin, m *protocol.ServerMessage) bool {
	if m.Type == protocol.TypeError && m.Code == protocol.CodeUnknownField && !join.plain {
		s.plain.Store(true)
		join.plain = true
		conn.again <- s.rejoinMessage(conn, join)
		conn.signalUrgent()
		return true
	}
	if m.Type == protocol.TypeJoined {
		conn.later = append(conn.later, s.asNow(&join)...)
	}
	if s.rejoinLater(conn, join, m) {
		return true
	}
	if m.Type == protocol.TypeJoined {
		if join.plain {
			conn.rejoined.Reduced = conn.rejoined.Reduced || join.options != join.options.reduced()
		} else {
			conn.promised(s.opt.heartbeat)
		}
	}
	for _, r := range join.refused(m, &conn.rejoined) {
		s.rooms.remove(r.Room)
	}
	if len(conn.rejoins)+len(conn.later) > 0 {
		return true
	}
	return s.allRejoined(conn)
}

// allRejoined delivers Rejoined.
func (s *session) allRejoined(conn *connection) bool {
	s.removeUnconfirmed(conn)
	conn.rejoined.Rooms = s.rooms.still(conn.rejoined.Rooms)
	conn.rejoining.Store(false)
	conn.signalUrgent()
	return s.deliver(conn.rejoined)
}

// rejoinMessage returns the message of a rejoin, and notes that its reply is awaited.
func (s *session) rejoinMessage(conn *connection, join rejoin) []byte {
	id := s.lastID.Add(1)
	conn.rejoins[id] = join
	opt := join.options
	if join.plain {
		opt = opt.reduced()
	}
	if join.prefix != nil {
		return s.encodePrefix(*join.prefix, opt, join.plain, id)
	}
	return s.encodeJoin(join.rooms, opt, join.plain, id)
}

// rejoinLater has what waits sent, one after the other: the next one when the last was accepted, or in a while if it
// was refused because it came too soon. It reports whether m is such a refusal.
func (s *session) rejoinLater(conn *connection, join rejoin, m *protocol.ServerMessage) (refused bool) {
	if refused = m.Type == protocol.TypeError && m.Code == protocol.CodeRateLimited; refused {
		conn.later = append(conn.later, s.asNow(&join)...)
		if !join.empty() {
			conn.later = append(conn.later, join)
		}
	}
	if join.later {
		conn.repeating = false
	}
	if conn.repeating {
		return refused
	}
	message, pause := s.nextLater(conn), pauseAfter(conn.refusals, jitter())
	if conn.refusals++; !refused {
		conn.refusals = 0
	}
	switch {
	case message == nil:
	case !refused:
		conn.again <- message
		conn.signalUrgent()
	default:
		conn.due.Store(false)
		conn.soon.Store(&message)
		select {
		case conn.pauses <- pause:
		default: // one that was called off has begun, or is about to
		}
	}
	return refused
}

// nextLater returns the message of the first that waits and need not wait for others, nil if there is none.
func (s *session) nextLater(conn *connection) []byte {
	i := slices.IndexFunc(conn.later, func(j rejoin) bool { return !conn.isBehind(j) })
	if i < 0 {
		return nil
	}
	next := conn.later[i]
	conn.later, conn.repeating, next.later = slices.Delete(conn.later, i, i+1), true, true
	return s.rejoinMessage(conn, next)
}

// leftLate takes what a leave names out of the joins that wait to be sent again: the program does not want it any
// more. A room whose prefix waits is left too, and comes back when that is joined. m is the server's answer to the
// leave. It is returned as the answer to a leave of what was joined. If a join of it is under way, which counts behind
// the leave, the leave is sent again behind that, and there is no answer yet: nil. It is not alive once the session has
// ended.
func (s *session) leftLate(conn *connection, c *call, m *protocol.ServerMessage) (answer *protocol.ServerMessage, alive bool) {
	if m.Type != protocol.TypeLeft && m.Code != protocol.CodeNotJoined {
		return m, true
	}
	rooms, prefix := map[string]bool{c.leave.Room: true}, c.leave.Prefix
	ofPrefix := conn.unconfirmed[c.leave.Room] // it waits with its prefix
	underWay := false
	conn.takeBack() // takeOut puts a join back that is not under way
	for id, join := range conn.rejoins {
		if id <= c.behind {
			continue // m overtakes its answer
		}
		named, _ := join.split(rooms, prefix)
		underWay = underWay || !named.empty() || ofPrefix && join.prefix != nil && strings.HasPrefix(c.leave.Room, *join.prefix)
	}
	waited := s.takeOut(conn, rooms, prefix, func(*rejoin) []rejoin { return nil })
	if underWay {
		c.behind = s.lastID.Load()
		conn.waiting[c.id] = c
		conn.again <- encode(c.leave)
		conn.signalUrgent()
		return nil, true
	}
	if !waited && !ofPrefix && c.behind == 0 {
		return m, true
	}
	left := &protocol.ServerMessage{Type: protocol.TypeLeft, Room: c.leave.Room, Prefix: c.leave.Prefix, ID: m.ID}
	if left.Prefix != nil {
		s.rooms.prefixes.Delete(*left.Prefix)
		for room := range s.rooms.ofPrefix.Range {
			if name := room.(string); strings.HasPrefix(name, *left.Prefix) && !s.rooms.followed(name) {
				left.Rooms = append(left.Rooms, name)
			}
		}
	}
	for _, room := range append(left.Rooms, left.Room) {
		s.rooms.remove(room)
		delete(conn.unconfirmed, room)
	}
	if waited && len(conn.rejoins)+len(conn.later) == 0 && !s.allRejoined(conn) {
		return nil, false
	}
	return left, true
}

// takeOut takes rooms and a prefix out of the joins that wait, and has what remain returns for them wait in their place.
// It reports whether any of them waited.
func (s *session) takeOut(conn *connection, rooms map[string]bool, prefix *string, remain func(taken *rejoin) []rejoin) (waited bool) {
	conn.takeBack()
	var rest []rejoin
	for _, join := range conn.later {
		taken, left := join.split(rooms, prefix)
		if !left.empty() {
			rest = append(rest, left)
		}
		if !taken.empty() {
			waited = true
			rest = append(rest, remain(&taken)...)
		}
	}
	conn.later = rest
	s.putNext(conn)
	return waited
}

// takeBack puts the join that is to be sent soon, unless it is under way, before those that wait. putNext is to
// follow.
func (conn *connection) takeBack() {
	if conn.soon.Swap(nil) == nil {
		return
	}
	for id, join := range conn.rejoins {
		if join.later { // one at most
			delete(conn.rejoins, id)
			conn.repeating = false
			conn.later = slices.Insert(conn.later, 0, join)
		}
	}
}

// putNext has the next of those that wait sent in place of what takeBack took, and when that was to be.
func (s *session) putNext(conn *connection) {
	if conn.repeating {
		return
	}
	if message := s.nextLater(conn); message != nil {
		conn.soon.Store(&message)
		conn.signalUrgent()
	}
}

// split parts rooms and a prefix from the rest of the join. Either can be empty.
func (j rejoin) split(rooms map[string]bool, prefix *string) (taken, rest rejoin) {
	taken, rest = j, j
	taken.rooms, rest.rooms = nil, nil
	for _, room := range j.rooms {
		to := &rest.rooms
		if rooms[room] {
			to = &taken.rooms
		}
		*to = append(*to, room)
	}
	if j.prefix != nil && prefix != nil && *j.prefix == *prefix {
		rest.prefix = nil
	} else {
		taken.prefix = nil
	}
	return taken, rest
}

func (j *rejoin) empty() bool { return len(j.rooms) == 0 && j.prefix == nil }

// refused returns the rooms that a reply refuses, and notes what it refuses.
func (j *rejoin) refused(m *protocol.ServerMessage, in *Rejoined) (rooms []Rejected) {
	rooms = m.Rejected
	switch {
	case m.Type == protocol.TypeError && j.prefix != nil:
		in.RejectedPrefixes = append(in.RejectedPrefixes, Rejected{Room: *j.prefix, Code: m.Code, Message: m.Message})
	case m.Type == protocol.TypeError:
		rooms = append(rooms, rejectAll(j.rooms, m.Code, m.Message)...)
	}
	in.Rejected = append(in.Rejected, rooms...)
	return rooms
}
