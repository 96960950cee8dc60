package client

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"backbone/protocol"
)

// reader is the receiving half of a connection.
type reader struct {
	// Set before the reader starts, then owned by it. What is left when it has ended is
	// the session's again.
	waiting  map[uint64]*call  // sent, without a reply, and overtaken by the reply to a later request
	rejoins  map[uint64]rejoin // the messages that join again and have no reply yet
	rejoined Rejoined
	later    []rejoin              // refused for their rate, to be sent again
	kept     map[string][]Rejected // rooms that were kept out, by prefix, until the last part of a reply
	// Rooms that were joined because of a prefix, of which the server has not said yet that the client is in
	// them on this connection.
	unconfirmed map[string]bool
	back        bool    // a Disconnected came before
	leftOut     LeftOut // until this connection

	// Owned by the reader.
	repeating bool           // one of later is under way, or in conn.soon
	refusals  int            // of joins that were sent again, in a row
	delivered bool           // an event of the server on this connection
	stamps    bool           // a join that turns stamps off was refused
	early     bool           // what is received came while the connection before went on
	repeats   map[string]int // how often what has no stamp was brought by the connection before
	settled   time.Time      // when no more of it is expected
}

// read receives until the connection or the session ends.
func (s *session) read(conn *connection) error {
	if conn.moved {
		if alive, err := s.arrive(conn); err != nil || !alive {
			return err
		}
	} else if !s.deliver(Connected{}) {
		return nil
	}
	if conn.leftOut != (LeftOut{}) && !s.deliver(conn.leftOut) {
		return nil
	}
	if conn.back && len(conn.rejoins) == 0 && s.events != nil && !s.deliver(conn.rejoined) {
		return nil
	}
	buf := make([]byte, 0, 4<<10)
	for {
		var err error
		if buf, err = conn.readMessage(buf); err != nil {
			return err
		}
		if !s.receive(conn, buf) {
			return nil
		}
	}
}

// readMessage reads the next message into buf, which may grow.
func (conn *connection) readMessage(buf []byte) ([]byte, error) {
	_, msg, err := conn.ws.Reader(context.Background()) // no context, as in write
	if err != nil {
		return buf, err
	}
	return readAll(buf[:0], msg)
}

func readAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, cap(buf))
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// receive handles one message. It is false once the session has ended.
func (s *session) receive(conn *connection, b []byte) bool {
	if n, ageMS, ok := protocol.ScanMark(b); ok {
		return s.marked(conn, n, ageMS)
	}
	if s.opt.onMessage != nil && !conn.wire.offered() && s.offer(b) {
		return true
	}
	if ev, ok := parseEvent(b, &s.rooms); ok {
		return s.pass(conn, ev)
	}
	if id, ok := protocol.ScanAck(b); ok {
		if c := conn.find(id); c != nil {
			s.counts.acked.Add(1)
			s.settle(c, nil, nil)
		}
		return true
	}
	var m protocol.ServerMessage
	if json.Unmarshal(b, &m) != nil {
		return s.pass(conn, Unknown{Raw: slices.Clone(b)})
	}
	if m.Type == protocol.TypeMark {
		ageMS := int64(-1)
		if m.AgeMS != nil {
			ageMS = *m.AgeMS
		}
		return s.marked(conn, m.N, ageMS)
	}
	if m.Type == protocol.TypeDraining {
		conn.drainsAfter(&m)
		return true
	}
	if ev := toEvent(&m, b); ev != nil {
		return s.pass(conn, ev)
	}
	return s.answered(conn, &m)
}

// drainsAfter notes that the server wants the client elsewhere.
func (conn *connection) drainsAfter(m *protocol.ServerMessage) {
	after := time.Duration(0)
	if ms := m.ReconnectAfterMS; ms != nil {
		after = time.Duration(min(max(*ms, 0), time.Hour.Milliseconds())) * time.Millisecond
	}
	select {
	case conn.drains <- after:
	default: // one move is enough
	}
}

// pass delivers an event of the server, behind what it says about events before it.
func (s *session) pass(conn *connection, ev Event) bool {
	conn.delivered = true
	switch e := ev.(type) {
	case PriceUpdate:
		return s.passPrice(conn, e, ev)
	case Retired: // like a price in all but its text
		return s.passPrice(conn, PriceUpdate{Instrument: e.Instrument, Snapshot: e.Snapshot, Stamp: e.Stamp}, ev)
	case Conflated:
		if conn.moved && s.rooms.newHere(e.Room, conn.early) {
			return true // the other connection may have brought some of them: the numbers tell
		}
		s.rooms.left(e.Room, e.Skipped)
	case Lost:
		if conn.early {
			return true // the other connection has brought them, or its own Lost
		}
	case ChatMessage:
		if s.repeats(conn, e.Room+"\n"+e.Text) {
			return true
		}
	case Unknown:
		if s.repeats(conn, string(e.Raw)) {
			return true
		}
	}
	return s.deliver(ev)
}

// passPrice delivers a price, which ev is too, unless another connection has brought it.
func (s *session) passPrice(conn *connection, e PriceUpdate, ev Event) bool {
	if conn.moved {
		switch s.rooms.repeated(&e) {
		case cameBefore:
			return true
		case isBack:
			e.Snapshot = true
			ev = e.asEvent()
		case isNew:
		}
	}
	missed, told := s.rooms.missed(&e)
	if s.extra.Load() && !s.rooms.stamped(e.Instrument) {
		e.Stamp = nil
		ev = e.asEvent()
		if told = told && missed.Events > 0; told {
			return s.deliver(Conflated{Room: e.Instrument, Skipped: missed.Events}) && s.deliver(ev)
		}
	}
	if told && conn.moved && missed.Exact && s.rooms.rated(e.Instrument) { // it was not their turn yet
		return s.deliver(Conflated{Room: e.Instrument, Skipped: missed.Events}) && s.deliver(ev)
	}
	return (!told || s.deliver(missed)) && s.deliver(ev)
}

// repeats notes what has no stamp while another connection is made ready, and reports whether the
// connection before has brought it.
func (s *session) repeats(conn *connection, what string) bool {
	if f := conn.fence.Load(); f != nil {
		f.overlap = append(f.overlap, what)
	}
	if !conn.early && time.Now().After(conn.settled) {
		conn.repeats = nil
	}
	if conn.repeats[what] == 0 {
		return false
	}
	conn.repeats[what]--
	return true
}

// offer reports whether the program has taken the message as it is.
func (s *session) offer(b []byte) bool {
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	return s.opt.onMessage(b)
}

// answered handles the reply to a request.
func (s *session) answered(conn *connection, m *protocol.ServerMessage) bool {
	defer conn.passFence(m.ID)
	switch {
	case strings.HasPrefix(m.ID, fenceID):
		return true
	case m.ID == stampID:
		return m.Prefix == nil || s.joinedPrefix(conn, m)
	case m.ID == plainID, m.ID == lastPlainID:
		s.plainAnswered(conn, m)
		return true
	}
	id := parseID(m.ID)
	if id == renewalID {
		select {
		case conn.renewed <- newRenewal(m):
		default: // one is under way at a time: the server has answered twice
		}
		return true
	}
	if join, ok := conn.rejoins[id]; ok {
		if m.Type == protocol.TypeJoined && m.Prefix != nil && !s.joinedPrefix(conn, m) {
			return false
		}
		delete(conn.rejoins, id)
		return s.rejoinAnswered(conn, join, m)
	}
	if m.Type == protocol.TypeJoined && m.Prefix != nil && !s.joinedPrefix(conn, m) {
		return false
	}
	c := conn.find(id)
	if c != nil && c.leave != nil {
		var alive bool
		if m, alive = s.leftLate(conn, c, m); m == nil {
			return alive
		}
	}
	var err error
	switch m.Type {
	case protocol.TypeJoined:
		var opt, sent JoinOptions
		if c != nil {
			opt, sent = c.join, c.sent
			if !c.plain {
				conn.promised(s.opt.heartbeat)
			}
		}
		if m.Prefix == nil {
			err = s.joined(m, opt, sent)
		}
	case protocol.TypeLeft:
		if m.Prefix != nil {
			s.leftPrefix(m)
		} else {
			s.rooms.remove(m.Room)
		}
	case protocol.TypeAck:
		s.counts.acked.Add(1)
	case protocol.TypeError:
		s.counts.refused.Add(1)
		err = toError(m)
		if c != nil && m.Code == protocol.CodeUnknownField {
			s.plain.Store(true) // until the next connection; Join asks again without
		}
	}
	if c != nil {
		s.settle(c, m, err)
		if m.Type == protocol.TypeJoined {
			return s.joinedLate(conn, m, c.sent)
		}
	} else if refused, ok := err.(*RequestError); ok { //nolint:errorlint // made above and never wrapped
		return s.deliver(refused)
	}
	return true
}
