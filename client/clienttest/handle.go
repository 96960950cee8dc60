package clienttest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"backbone/protocol"
)

// handle carries out one request of c.
func (s *Server) handle(c *conn, m protocol.ClientMessage, index *int) {
	var err *rejectedError
	switch {
	case m.Type == protocol.TypePing:
		now := time.Now().UnixMilli()
		c.reply(protocol.ServerMessage{Type: protocol.TypePong, ID: m.ID, TS: &now})
	case c.ingestor && (m.Type == protocol.TypePriceUpdate || m.Type == protocol.TypeRetire):
		if err = s.event(m); err == nil && m.ID != "" {
			c.reply(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
		}
	case !c.ingestor && m.Type == protocol.TypeJoin:
		if err = checkWishes(m); err == nil && m.Prefix != nil {
			err = s.joinPrefix(c, m)
		} else if err == nil {
			s.join(c, m)
		}
	case !c.ingestor && m.Type == protocol.TypeRooms:
		err = s.list(c, m)
	case !c.ingestor && m.Type == protocol.TypeLeave && m.Prefix != nil:
		err = s.leavePrefix(c, m)
	case !c.ingestor && m.Type == protocol.TypeMarked: // to a mark that the test has sent
	case !c.ingestor && m.Type == protocol.TypeLeave:
		if err = c.mustBeIn(m.Room); err == nil {
			c.rooms[m.Room].stop()
			delete(c.rooms, m.Room)
			c.reply(protocol.ServerMessage{Type: protocol.TypeLeft, Room: m.Room, ID: m.ID})
		}
	case !c.ingestor && m.Type == protocol.TypeMessage:
		if err = c.mustBeIn(m.Room); err == nil {
			s.toRoom(m.Room, string(protocol.ServerMessage{Type: protocol.TypeMessage, Room: m.Room, Data: m.Data}.Append(nil)))
			if m.ID != "" {
				c.reply(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
			}
		}
	case m.Type == "":
		err = &rejectedError{protocol.CodeInvalidJSON, "expected an object with a type"}
	default:
		err = &rejectedError{protocol.CodeUnknownType, "type: " + m.Type + " is not known to this role"}
	}
	if err != nil {
		c.reply(protocol.ServerMessage{Type: protocol.TypeError, Code: err.code, Message: err.message, ID: m.ID, Index: index})
	}
}

func (c *conn) reply(m protocol.ServerMessage) { c.send(m.Append(nil)) }

func (c *conn) mustBeIn(room string) *rejectedError {
	if c.rooms[room] == nil {
		return &rejectedError{protocol.CodeNotJoined, "room: " + strconv.Quote(room) + " was not joined"}
	}
	return nil
}

// checkWishes returns why a join's wishes are refused.
func checkWishes(m protocol.ClientMessage) *rejectedError {
	switch {
	case m.SilentAfterMS != 0 && (m.SilentAfterMS < protocol.MinSilentAfterMS || m.SilentAfterMS > protocol.MaxSilentAfterMS):
		return outOfRange("silent_after_ms", protocol.MinSilentAfterMS, protocol.MaxSilentAfterMS, m.SilentAfterMS)
	case m.SilentAfterMS != 0 && !m.Status:
		return &rejectedError{protocol.CodeInvalidEvent, `silent_after_ms: needs "status":true`}
	case m.HeartbeatMS != 0 && (m.HeartbeatMS < protocol.MinHeartbeatMS || m.HeartbeatMS > protocol.MaxHeartbeatMS):
		return outOfRange("heartbeat_ms", protocol.MinHeartbeatMS, protocol.MaxHeartbeatMS, m.HeartbeatMS)
	case m.MaxRate != nil && *m.MaxRate != 0 && (*m.MaxRate < protocol.MinRate || *m.MaxRate > protocol.MaxRate):
		return &rejectedError{protocol.CodeInvalidEvent, fmt.Sprintf("max_rate: must be 0 or a number from %v to %v, events per second, got %v", protocol.MinRate, protocol.MaxRate, *m.MaxRate)}
	case m.Conflate != "" && m.Conflate != protocol.ConflateNever && m.Conflate != protocol.ConflateBehind:
		return &rejectedError{protocol.CodeInvalidEvent, fmt.Sprintf("conflate: must be %q or %q", protocol.ConflateNever, protocol.ConflateBehind)}
	case m.Conflate == protocol.ConflateNever && m.MaxRate != nil && *m.MaxRate > 0:
		return &rejectedError{protocol.CodeInvalidEvent, fmt.Sprintf("conflate: %q refuses what max_rate asks for: send one of them", protocol.ConflateNever)}
	}
	return nil
}

func outOfRange(key string, least, most, got int64) *rejectedError {
	return &rejectedError{protocol.CodeInvalidEvent, fmt.Sprintf("%s: must be an integer from %d to %d, got %d", key, least, most, got)}
}

func (s *Server) join(c *conn, m protocol.ClientMessage) {
	reply := protocol.ServerMessage{Type: protocol.TypeJoined, Room: m.Room, Prefix: m.Prefix, ID: m.ID}
	rooms := m.Rooms
	if m.Room != "" {
		rooms = []string{m.Room}
	} else {
		reply.Rooms = []string{}
	}
	var fresh, wishes []string
	for _, room := range rooms {
		if r, ok := s.rejected[room]; ok {
			reply.Rejected = append(reply.Rejected, r)
			continue
		}
		if fault := protocol.RoomFault(room); fault != "" {
			reply.Rejected = append(reply.Rejected, protocol.Rejected{Room: room, Code: protocol.CodeInvalidRoom, Message: "rooms: " + fault})
			continue
		}
		if c.rooms[room] == nil {
			c.rooms[room] = &member{stamp: m.Stamp, silentAfter: time.Duration(m.SilentAfterMS) * time.Millisecond, since: time.Now()}
			c.rooms[room].ofPrefix = m.Prefix != nil
			fresh = append(fresh, room)
		}
		c.rooms[room].ofPrefix = c.rooms[room].ofPrefix && m.Prefix != nil
		wishes = append(wishes, room)
		if m.Room == "" {
			reply.Rooms = append(reply.Rooms, room)
		}
	}
	if m.Room != "" && len(reply.Rejected) > 0 {
		r := reply.Rejected[0]
		reply = protocol.ServerMessage{Type: protocol.TypeError, Code: r.Code, Message: r.Message, ID: m.ID}
	}
	if m.HeartbeatMS > 0 {
		c.tell(outgoing{heartbeat: time.Duration(m.HeartbeatMS) * time.Millisecond})
	}
	c.reply(reply)
	for _, room := range wishes {
		member := c.rooms[room]
		member.stamp = member.stamp || m.Stamp
		s.setRate(c, room, member, m.MaxRate)
		if m.Conflate == protocol.ConflateNever { // a client that is behind is disconnected in any case
			s.setRate(c, room, member, new(float64))
		}
	}
	for _, room := range fresh {
		s.watch(c, room)
		if last := s.last[room]; last != nil && !protocol.IsRetired(last.event) {
			s.give(c, c.rooms[room], last.snapshot)
		} else if m.MarkEmpty {
			c.send([]byte(protocol.NoSnapshot(room)))
		}
	}
}

// publish handles the text of an event from the test.
func (s *Server) publish(text string) error {
	var m protocol.ClientMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return &rejectedError{protocol.CodeInvalidJSON, err.Error()}
	}
	if m.Type != protocol.TypePriceUpdate && m.Type != protocol.TypeRetire {
		return &rejectedError{protocol.CodeUnknownType, "type: expected price_update, got " + strconv.Quote(m.Type)}
	}
	if err := s.event(m); err != nil {
		return err
	}
	return nil
}

func (s *Server) event(m protocol.ClientMessage) *rejectedError {
	if m.Type == protocol.TypeRetire {
		return s.retire(m)
	}
	return s.price(m)
}

func (s *Server) retire(m protocol.ClientMessage) *rejectedError {
	if !protocol.ValidRoom(m.Instrument) {
		return &rejectedError{protocol.CodeInvalidRoom, "instrument: " + protocol.RoomFault(m.Instrument)}
	}
	if r, ok := s.rejected[m.Instrument]; ok {
		return &rejectedError{r.Code, r.Message}
	}
	s.published = append(s.published, `{"type":"retire","instrument":"`+m.Instrument+`"}`)
	s.live(m.Instrument, protocol.Retired(m.Instrument))
	return nil
}

func (s *Server) price(m protocol.ClientMessage) *rejectedError {
	switch {
	case !protocol.ValidRoom(m.Instrument):
		return &rejectedError{protocol.CodeInvalidRoom, "instrument: " + protocol.RoomFault(m.Instrument)}
	case m.Price == "":
		return &rejectedError{protocol.CodeInvalidEvent, "price: is required"}
	case len(m.Price) > protocol.MaxPriceLength:
		return &rejectedError{protocol.CodeInvalidEvent, "price: must have at most 64 characters"}
	case protocol.PriceFault(string(m.Price)) != "":
		return &rejectedError{protocol.CodeInvalidEvent, "price: " + protocol.PriceFault(string(m.Price))}
	case m.TS == nil || *m.TS < 0:
		return &rejectedError{protocol.CodeInvalidEvent, "ts: must be an integer from 0 to 2^63-1"}
	case m.Data != nil && m.Data[0] != '{':
		return &rejectedError{protocol.CodeInvalidEvent, "data: must be a JSON object"}
	}
	if r, ok := s.rejected[m.Instrument]; ok {
		return &rejectedError{r.Code, r.Message}
	}
	event := string(protocol.AppendPriceUpdate(nil, m.Instrument, string(m.Price), strconv.FormatInt(*m.TS, 10), string(m.Data)))
	s.published = append(s.published, event)
	s.live(m.Instrument, event)
	return nil
}
