package client

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"backbone/protocol"
)

// reader is the receiving half of a link.
type reader struct {
	// Set before the reader starts, then owned by it. What is left when it has ended is
	// the session's again.
	waiting  map[uint64]*call    // sent, not answered, and overtaken by another answer
	rejoins  map[uint64][]string // rooms of the rejoin messages that are not answered
	rejoined Rejoined
	back     bool // a Disconnected came before
}

// read receives until the connection or the session ends.
func (s *session) read(l *link) error {
	if !s.deliver(Connected{}) {
		return nil
	}
	if l.back && len(l.rejoins) == 0 && s.events != nil && !s.deliver(l.rejoined) {
		return nil
	}
	buf := make([]byte, 0, 4<<10)
	for {
		// No context, as in write.
		_, msg, err := l.ws.Reader(context.Background())
		if err == nil {
			buf, err = readAll(buf[:0], msg)
		}
		if err != nil {
			return err
		}
		if !s.receive(l, buf) {
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
func (s *session) receive(l *link, b []byte) bool {
	if s.opt.OnMessage != nil && !l.wire.offered() && s.offer(b) {
		return true
	}
	if ev, ok := parseEvent(b, s.rooms); ok {
		return s.deliver(ev)
	}
	if id, ok := parseAck(b); ok {
		if c := l.find(id); c != nil {
			s.settle(c, nil, nil)
		}
		return true
	}
	var m protocol.ServerMessage
	if json.Unmarshal(b, &m) != nil {
		return s.deliver(Unknown{Raw: slices.Clone(b)})
	}
	if ev := toEvent(&m, b); ev != nil {
		return s.deliver(ev)
	}
	return s.answer(l, &m)
}

// offer reports whether the program has taken the message as it is.
func (s *session) offer(b []byte) bool {
	s.stalled.Store(true)
	defer s.stalled.Store(false)
	return s.opt.OnMessage(b)
}

// answer handles the answer to a request.
func (s *session) answer(l *link, m *protocol.ServerMessage) bool {
	switch m.Type {
	case protocol.TypeJoined:
		s.joined(m.Room)
		for _, room := range m.Rooms {
			s.joined(room)
		}
	case protocol.TypeLeft:
		delete(s.rooms, m.Room)
	}
	id := parseID(m.ID)
	if rooms, ok := l.rejoins[id]; ok {
		delete(l.rejoins, id)
		return s.rejoinAnswered(l, rooms, m)
	}
	var err error
	if m.Type == protocol.TypeError {
		err = toError(m)
	}
	if c := l.find(id); c != nil {
		s.settle(c, m, err)
		return true
	}
	if err != nil {
		return s.deliver(err.(*RequestError)) //nolint:errorlint // made by the decoder and never wrapped
	}
	return true
}

func (s *session) joined(room string) {
	if protocol.ValidRoom(room) {
		s.rooms[room] = room
	}
}

// rejoinAnswered collects the answers to the rejoin messages and tells of the last.
func (s *session) rejoinAnswered(l *link, rooms []string, m *protocol.ServerMessage) bool {
	rejected := m.Rejected
	if m.Type == protocol.TypeError {
		for _, room := range rooms {
			rejected = append(rejected, protocol.Rejected{Room: room, Code: m.Code, Message: m.Message})
		}
	}
	for _, r := range rejected {
		delete(s.rooms, r.Room)
	}
	l.rejoined.Rejected = append(l.rejoined.Rejected, rejected...)
	if len(l.rejoins) > 0 {
		return true
	}
	for _, r := range l.rejoined.Rejected {
		if i, found := slices.BinarySearch(l.rejoined.Rooms, r.Room); found {
			l.rejoined.Rooms = slices.Delete(l.rejoined.Rooms, i, i+1)
		}
	}
	return s.deliver(l.rejoined)
}
