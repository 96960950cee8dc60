package client

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"backbone/protocol"
)

// reader is the receiving half of a connection.
type reader struct {
	// Set before the reader starts, then owned by it. What is left when it has ended is
	// the session's again.
	waiting  map[uint64]*call  // sent, without a reply, and overtaken by the reply to a later request
	rejoins  map[uint64]rejoin // the messages that join again and have no reply yet
	rejoined Rejoined
	back     bool    // a Disconnected came before
	leftOut  LeftOut // until this connection

	delivered bool // owned by the reader: an event of the server on this connection
}

// read receives until the connection or the session ends.
func (s *session) read(conn *connection) error {
	if !s.deliver(Connected{}) {
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
		// No context, as in write.
		_, msg, err := conn.ws.Reader(context.Background())
		if err == nil {
			buf, err = readAll(buf[:0], msg)
		}
		if err != nil {
			return err
		}
		if !s.receive(conn, buf) {
			return nil
		}
	}
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
	if ev := toEvent(&m, b); ev != nil {
		return s.pass(conn, ev)
	}
	return s.answered(conn, &m)
}

// pass delivers an event of the server, behind what it says about events before it.
func (s *session) pass(conn *connection, ev Event) bool {
	conn.delivered = true
	switch e := ev.(type) {
	case PriceUpdate:
		if missed, told := s.rooms.missed(&e); told && !s.deliver(missed) {
			return false
		}
	case Conflated:
		s.rooms.left(e.Room, e.Skipped)
	}
	return s.deliver(ev)
}

// offer reports whether the program has taken the message as it is.
func (s *session) offer(b []byte) bool {
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	return s.opt.onMessage(b)
}

// answered handles the reply to a request.
func (s *session) answered(conn *connection, m *protocol.ServerMessage) bool {
	id := parseID(m.ID)
	if join, ok := conn.rejoins[id]; ok {
		delete(conn.rejoins, id)
		return s.rejoinAnswered(conn, join, m)
	}
	c := conn.find(id)
	var err error
	switch m.Type {
	case protocol.TypeJoined:
		var opt JoinOptions
		if c != nil {
			opt = c.join
			if !c.plain {
				conn.promised(s.opt.heartbeat)
			}
		}
		err = s.joined(m, opt)
	case protocol.TypeLeft:
		s.rooms.remove(m.Room)
	case protocol.TypeError:
		err = toError(m)
		if c != nil && m.Code == protocol.CodeUnknownField {
			s.plain.Store(true) // until the next connection; Join asks again without
		}
	}
	if c != nil {
		s.settle(c, m, err)
		return true
	}
	if refused, ok := err.(*RequestError); ok { //nolint:errorlint // made above and never wrapped
		return s.deliver(refused)
	}
	return true
}
