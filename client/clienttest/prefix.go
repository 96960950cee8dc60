package clienttest

import (
	"maps"
	"slices"
	"strings"

	"backbone/protocol"
)

// priced returns the rooms with a prefix that have a price, sorted.
func (s *Server) priced(prefix string) (rooms []string) {
	for _, room := range slices.Sorted(maps.Keys(s.last)) {
		if strings.HasPrefix(room, prefix) && !protocol.IsRetired(s.last[room].event) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// list tells a client which rooms have a price.
func (s *Server) list(c *conn, m protocol.ClientMessage) *rejectedError {
	prefix, err := prefixOf(m)
	if err != nil {
		return err
	}
	reply := protocol.ServerMessage{Type: protocol.TypeRooms, Rooms: []string{}, ID: m.ID}
	for _, room := range s.priced(prefix) {
		if room > m.After {
			reply.Rooms = append(reply.Rooms, room)
		}
	}
	if reply.More = len(reply.Rooms) > protocol.MaxListedRooms; reply.More {
		reply.Rooms = reply.Rooms[:protocol.MaxListedRooms]
	}
	c.reply(reply)
	return nil
}

func prefixOf(m protocol.ClientMessage) (string, *rejectedError) {
	if m.Prefix == nil {
		return "", nil
	}
	if fault := protocol.PrefixFault(*m.Prefix); fault != "" {
		return "", &rejectedError{protocol.CodeInvalidRoom, "prefix: " + fault}
	}
	return *m.Prefix, nil
}

// joinPrefix joins the rooms of a prefix, and has those joined that come later.
func (s *Server) joinPrefix(c *conn, m protocol.ClientMessage) *rejectedError {
	prefix, err := prefixOf(m)
	if err != nil {
		return err
	}
	if m.Room != "" || m.Rooms != nil {
		return &rejectedError{protocol.CodeInvalidEvent, "prefix: a join has room, rooms or prefix, and only one of them"}
	}
	wish := m
	wish.ID = ""
	c.prefixes[prefix] = wish
	m.Rooms = s.priced(prefix)
	s.join(c, m)
	return nil
}

// follow joins a room that has got its first price for the clients that have joined a prefix of it.
func (s *Server) follow(room string) {
	for c := range s.conns {
		for end := len(room); end >= 0 && c.rooms[room] == nil; end-- {
			if wish, joined := c.prefixes[room[:end]]; joined {
				wish.Rooms = []string{room}
				s.join(c, wish)
			}
		}
	}
}

// leavePrefix takes a client out of the rooms that it is in because of a prefix alone.
func (s *Server) leavePrefix(c *conn, m protocol.ClientMessage) *rejectedError {
	prefix := *m.Prefix
	if _, joined := c.prefixes[prefix]; !joined {
		return &rejectedError{protocol.CodeNotJoined, "prefix: it was not joined"}
	}
	delete(c.prefixes, prefix)
	reply := protocol.ServerMessage{Type: protocol.TypeLeft, Prefix: &prefix, Rooms: []string{}, ID: m.ID}
	for _, room := range slices.Sorted(maps.Keys(c.rooms)) {
		if c.rooms[room].ofPrefix && strings.HasPrefix(room, prefix) && !c.follows(room) {
			c.rooms[room].stop()
			delete(c.rooms, room)
			reply.Rooms = append(reply.Rooms, room)
		}
	}
	c.reply(reply)
	return nil
}

func (c *conn) follows(room string) bool {
	for prefix := range c.prefixes {
		if strings.HasPrefix(room, prefix) {
			return true
		}
	}
	return false
}
