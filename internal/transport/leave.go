package transport

import (
	"slices"
	"strings"
	"time"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// leave takes the client out of a room, or out of those of a prefix.
func (r *readSide) leave(o *common.Object) error {
	if err := o.Only("room", "prefix"); err != nil {
		return err
	}
	prefix, all, err := prefixOf(o)
	if err != nil {
		return err
	}
	name, one, err := o.Text("room")
	switch {
	case err != nil:
		return err
	case all && one:
		return common.Errorf(protocol.CodeInvalidEvent, "prefix: a leave has room or prefix, not both")
	case all:
		return r.leavePrefix(o, prefix)
	case !one:
		return common.Required("room")
	}
	room := string(name)
	if err := common.CheckRoom("room", room); err != nil {
		return err
	}
	r.settleSent()
	reply := protocol.ServerMessage{Type: protocol.TypeLeft, Room: room}
	reply.ID, _ = o.ID()
	if !r.quit([]string{room}, reply) {
		return common.Errorf(protocol.CodeNotJoined, "room: %s is not joined", room)
	}
	return nil
}

// settleSent has the hub have what the client sent before it leaves.
func (r *readSide) settleSent() {
	if len(r.scratch.events) > 0 {
		r.publish()
		r.conn.server.opts.Ingest.Settle()
	}
}

// quit takes the client out of a few rooms. It reports false if it was in none.
func (r *readSide) quit(rooms []string, reply protocol.ServerMessage) bool {
	left := r.conn.server.opts.Hub.Leave(&r.conn.client, slices.Clone(rooms), Frame(nil, string(reply.Append(nil))))
	if len(left) == 0 {
		return false
	}
	r.conn.place.prefixes.named(left...)
	r.rooms -= int32(len(left))
	groups := map[string]uint32{}
	for _, room := range left {
		if group := r.groups[room]; group != 0 {
			groups[room] = group
			delete(r.groups, room)
		}
	}
	r.conn.server.opts.Ingest.Unwatch(left, groups)
	return true
}

// leavePrefix leaves the rooms that the client is in because of a prefix alone.
func (r *readSide) leavePrefix(o *common.Object, prefix string) error {
	p := r.conn.place.prefixes
	if p == nil || p.wishes[prefix].prefix == nil {
		return common.Errorf(protocol.CodeNotJoined, "prefix: %s is not joined", common.Quote(prefix))
	}
	delete(p.wishes, prefix)
	delete(p.full, prefix)
	r.conn.server.opts.Directory.Unfollow(p.follower, prefix)
	var rooms []string
	for room := range p.rooms {
		if _, other := p.of(room); !other && strings.HasPrefix(room, prefix) {
			rooms = append(rooms, room)
		}
	}
	slices.Sort(rooms)
	r.settleSent()
	until := time.Now().Add(patience)
	reply := protocol.ServerMessage{Type: protocol.TypeLeft, Prefix: &prefix}
	for part := range slices.Chunk(rooms, roomsPerMessage) {
		reply.Rooms = part
		r.quit(part, reply)
		if err := r.awaitReader(until); err != nil {
			return err
		}
	}
	reply.Rooms = []string{}
	reply.ID, _ = o.ID()
	r.conn.server.opts.Hub.Tell(&r.conn.client, Frame(nil, string(reply.Append(nil))))
	return nil
}
