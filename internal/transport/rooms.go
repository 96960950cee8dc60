package transport

import (
	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/protocol"
)

// maxAnswer bounds the answer to a join, in bytes. All rooms of the longest message fit;
// what goes beyond that are reasons for refusing many of them.
const maxAnswer = 2 * protocol.MaxMessageBytes

// join puts the client into one room or many. The hub has it before ingest is asked
// for last prices, so that nothing falls between snapshot and stream.
func (c *conn) join(o *common.Object) error {
	if err := o.Only("room", "rooms", "mark_empty", "status"); err != nil {
		return err
	}
	var wants hub.Wants
	var err error
	if wants.Absent, _, err = o.Bool("mark_empty"); err != nil {
		return err
	}
	if wants.Status, _, err = o.Bool("status"); err != nil {
		return err
	}
	list, many, err := o.Strings("rooms")
	if err != nil {
		return err
	}
	_, one, err := o.Text("room")
	switch {
	case err != nil:
		return err
	case one && many:
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: a join has room or rooms, not both")
	case !many:
		return c.joinOne(o, wants)
	case len(list) == 0:
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: must name at least one room")
	}
	return c.joinMany(o, list, wants)
}

func (c *conn) joinOne(o *common.Object, wants hub.Wants) error {
	name, err := o.Room("room")
	if err != nil {
		return err
	}
	room := string(name)
	if int(c.rooms) >= c.server.opts.Limits.MaxRooms && len(c.server.opts.Hub.Among(&c.client, []string{room})) == 0 {
		return c.tooMany(room)
	}
	id, _ := o.ID()
	answer := protocol.ServerMessage{Type: protocol.TypeJoined, Room: room, ID: id}
	c.enter([]string{room}, wants, Frame(nil, string(answer.Append(nil))))
	return nil
}

func (c *conn) joinMany(o *common.Object, list []string, wants hub.Wants) error {
	answer := protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: []string{}}
	answer.ID, _ = o.ID()
	reject := func(room string, err error) {
		e := err.(*common.Error) //nolint:errorlint,forcetypeassert // the domains' contract
		answer.Rejected = append(answer.Rejected, protocol.Rejected{Room: room, Code: e.Code, Message: e.Message})
	}
	var in map[string]bool // rooms that count for nothing, where the limit is near
	if int(c.rooms)+len(list) > c.server.opts.Limits.MaxRooms {
		in = map[string]bool{}
		for _, room := range c.server.opts.Hub.Among(&c.client, append([]string(nil), list...)) {
			in[room] = true
		}
	}
	room, seen := int(c.rooms), make(map[string]bool, len(list))
	for _, name := range list {
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := common.CheckRoom("rooms", name); err != nil {
			reject(name, err)
			continue
		}
		if !in[name] {
			if room >= c.server.opts.Limits.MaxRooms {
				reject(name, c.tooMany(name))
				continue
			}
			room++
		}
		answer.Rooms = append(answer.Rooms, name)
	}
	frame := Frame(nil, string(answer.Append(nil)))
	if len(frame) > maxAnswer {
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: %d of them are refused, too many to say so in one answer: join fewer at a time", len(answer.Rejected))
	}
	for _, r := range answer.Rejected {
		c.server.stats.errors.count(string(r.Code))
	}
	c.enter(append([]string(nil), answer.Rooms...), wants, frame)
	return nil
}

func (c *conn) tooMany(room string) error {
	return common.Errorf(protocol.CodeTooManyRooms, "room: %s would be one more than the %d rooms that a consumer may join", room, c.server.opts.Limits.MaxRooms)
}

// enter has the hub take the client into rooms, and then ingest warm it.
func (c *conn) enter(rooms []string, wants hub.Wants, answer []byte) {
	joined := c.server.opts.Hub.Join(&c.client, rooms, wants, answer)
	c.rooms += int32(len(joined))
	if len(joined) > 0 {
		c.server.opts.Ingest.Watch(joined, wants)
	}
}

func (c *conn) leave(o *common.Object) error {
	if err := o.Only("room"); err != nil {
		return err
	}
	name, err := o.Room("room")
	if err != nil {
		return err
	}
	if len(c.socket.scratch.events) > 0 { // sent before: the hub has them before it hears of the leave
		c.publish()
		c.server.opts.Ingest.Settle()
	}
	room := string(name)
	id, _ := o.ID()
	answer := protocol.ServerMessage{Type: protocol.TypeLeft, Room: room, ID: id}
	if !c.server.opts.Hub.Leave(&c.client, room, Frame(nil, string(answer.Append(nil)))) {
		return common.Errorf(protocol.CodeNotJoined, "room: %s is not joined", room)
	}
	c.rooms--
	c.server.opts.Ingest.Unwatch([]string{room})
	return nil
}
