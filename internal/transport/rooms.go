package transport

import (
	"context"
	"slices"
	"strings"
	"time"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// maxReply bounds the reply to a join, in bytes. All rooms of the longest message fit; what can
// exceed it are the errors of many rejected ones.
const maxReply = 2 * protocol.MaxMessageBytes

// roomsPerMessage is how many rooms a join can have for each message that it counts as.
const roomsPerMessage = 100

// join puts the client into one room or many. The hub has the client before ingest is asked for
// last prices, so that nothing falls between snapshot and stream.
func (r *readSide) join(o *common.Object) error {
	if err := o.Only("room", "rooms", "prefix", "mark_empty", "status", "silent_after_ms", "heartbeat_ms", "marks", "stamp", "max_rate", "conflate"); err != nil {
		return err
	}
	wish, err := wishes(o)
	if err != nil {
		return err
	}
	end, gone := r.turn(r.scratch.long)
	if gone != nil {
		return gone
	}
	list, many, err := o.Strings("rooms")
	end()
	if err != nil {
		return err
	}
	_, one, err := o.Text("room")
	if err != nil {
		return err
	}
	prefix, all, err := prefixOf(o)
	switch {
	case err != nil:
		return err
	case all && (one || many):
		return common.Errorf(protocol.CodeInvalidEvent, "prefix: a join has room, rooms or prefix, and only one of them")
	case all:
		return r.joinPrefix(o, prefix, wish)
	case one && many:
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: a join has room or rooms, not both")
	case !many:
		return r.joinOne(o, wish)
	case len(list) == 0:
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: must name at least one room")
	}
	return r.joinMany(o, list, wish)
}

func (r *readSide) joinOne(o *common.Object, wish wish) error {
	name, err := o.Room("room")
	if err != nil {
		return err
	}
	room := string(name)
	if !r.conn.place.granted.Allows(room) {
		return notGranted("room", room)
	}
	if int(r.rooms) >= r.conn.server.opts.Limits.MaxRooms && len(r.conn.server.opts.Hub.Among(&r.conn.client, []string{room}, nil)) == 0 {
		return r.tooMany(room)
	}
	if left := r.roomsLeft([]string{room}); !left(room) {
		return r.tooManyInAll(room)
	}
	r.payForRooms(1)
	id, _ := o.ID()
	reply := protocol.ServerMessage{Type: protocol.TypeJoined, Room: room, ID: id}
	return r.enter([]string{room}, wish, Frame(nil, string(reply.Append(nil))))
}

func (r *readSide) joinMany(o *common.Object, list []string, wish wish) error {
	r.payForRooms(len(list))
	end, gone := r.turn(r.scratch.long)
	if gone != nil {
		return gone
	}
	defer end()
	reply := protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: []string{}}
	reply.ID, _ = o.ID()
	reply.Rooms = append(reply.Rooms, r.admitted(list, func(room string, e *common.RequestError) {
		reply.Rejected = append(reply.Rejected, protocol.Rejected{Room: room, Code: e.Code, Message: e.Message})
	})...)
	frame := Frame(nil, string(reply.Append(nil)))
	if len(frame) > maxReply {
		return common.Errorf(protocol.CodeInvalidEvent, "rooms: %d of them are refused, too many to say so in one answer: join fewer at a time", len(reply.Rejected))
	}
	for _, one := range reply.Rejected {
		r.conn.server.stats.errors.count(string(one.Code))
	}
	return r.enter(reply.Rooms, wish, frame)
}

// admitted returns those of a list of rooms that the client may join, each once, and has reject told of each
// of the others.
func (r *readSide) admitted(list []string, reject func(string, *common.RequestError)) (rooms []string) {
	refuse := func(room string, err error) {
		reject(room, err.(*common.RequestError)) //nolint:errorlint,forcetypeassert // the domains' contract
	}
	var in []string // rooms of the list that the client is in already, in its order; none while the limit is far
	if int(r.rooms)+len(list) > r.conn.server.opts.Limits.MaxRooms {
		in = r.conn.server.opts.Hub.Among(&r.conn.client, slices.Clone(list), func() { r.pause() })
	}
	left := r.roomsLeft(list)
	count, seen := int(r.rooms), make(map[string]bool, len(list))
	for _, name := range list {
		member := len(in) > 0 && in[0] == name
		if member {
			in = in[1:]
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := common.CheckRoom("rooms", name); err != nil {
			refuse(name, err)
			continue
		}
		if !r.conn.place.granted.Allows(name) {
			reject(name, notGranted("room", name))
			continue
		}
		if !member {
			if count >= r.conn.server.opts.Limits.MaxRooms {
				refuse(name, r.tooMany(name))
				continue
			}
			if !left(name) {
				refuse(name, r.tooManyInAll(name))
				continue
			}
			count++
		}
		rooms = append(rooms, name)
	}
	return rooms
}

func (r *readSide) tooMany(room string) error {
	r.conn.server.stats.limited.count(limitRooms)
	return common.Errorf(protocol.CodeTooManyRooms, "room: %s would be one more than the %d rooms that a consumer may join", room, r.conn.server.opts.Limits.MaxRooms)
}

// roomsLeft returns what says of a room that may be new whether there is a place for it. Clients that join
// at the same time may all get the last places.
func (r *readSide) roomsLeft(rooms []string) func(string) bool {
	most := r.conn.server.opts.Limits.MaxRoomsTotal
	if most == 0 {
		return func(string) bool { return true }
	}
	known, all := r.conn.server.opts.Hub.Known(rooms)
	return func(room string) bool {
		if known[room] {
			return true
		}
		all++
		return all <= most
	}
}

func (r *readSide) tooManyInAll(room string) error {
	r.conn.server.stats.limited.count(limitRoomsTotal)
	return common.Errorf(protocol.CodeTooManyRooms, "room: %s would be one more than the %d rooms that this server keeps", room, r.conn.server.opts.Limits.MaxRoomsTotal)
}

// enter has the hub take the client into rooms, and then ingest give it the last prices. An error says
// that the credentials ended meanwhile, so that the rest was left out.
func (r *readSide) enter(rooms []string, wish wish, reply []byte) error {
	if f := r.conn.write.fresh; wish.marks && f != nil {
		f.messages.Store(true)
	}
	if wish.beat != 0 {
		r.conn.write.wish.Store(wish.beat) // the write side sees it when it gets the reply
	}
	if wish.prefix == nil {
		r.conn.place.prefixes.named(rooms...)
	}
	joined := r.conn.server.opts.Hub.Join(&r.conn.client, rooms, wish.Wants, reply, r.pause)
	r.rooms += int32(len(joined))
	if len(joined) == 0 {
		return r.standing()
	}
	if wish.prefix != nil {
		for _, room := range joined {
			r.conn.place.prefixes.rooms[room] = struct{}{}
		}
	}
	if wish.Group != 0 {
		if r.groups == nil {
			r.groups = map[string]uint32{}
		}
		for _, room := range joined {
			r.groups[room] = wish.Group
		}
	}
	for {
		if err := r.standing(); err != nil {
			return brokenOff(err, joined)
		}
		n := min(len(joined), roomsPerMessage) // snapshots do not pile up in the hub, before the events of others
		r.conn.server.opts.Ingest.Watch(joined[:n:n], wish.Wants)
		if joined = joined[n:]; len(joined) == 0 {
			return nil
		}
		r.conn.server.opts.Hub.Settle()
		r.pause()
	}
}

// brokenOff is an error of standing that broke off a join, before ingest was told of rooms.
func brokenOff(err error, rooms []string) error {
	why := *err.(*closeError) //nolint:errorlint,forcetypeassert // it has no others
	why.unwatched = make(map[string]bool, len(rooms))
	for _, room := range rooms {
		why.unwatched[room] = true
	}
	return &why
}

// list tells the client which rooms have a price and may be joined by it. Ingest is asked for a part of them
// at a time, and such questions take turns as long joins do, so that events do not wait for them.
func (r *readSide) list(o *common.Object) error {
	if err := o.Only("prefix", "after"); err != nil {
		return err
	}
	prefix, _, err := prefixOf(o)
	if err != nil {
		return err
	}
	after, _, err := o.Text("after")
	if err != nil {
		return err
	}
	if err := r.mayList(); err != nil {
		return err
	}
	l, err := r.priced(prefix, string(after), protocol.MaxListedRooms)
	if err != nil {
		return err
	}
	reply := protocol.ServerMessage{Type: protocol.TypeRooms, Rooms: []string{}, More: l.more}
	reply.ID, _ = o.ID()
	reply.Rooms = append(reply.Rooms, l.rooms...)
	r.reply(reply)
	r.payForLook(l.wait)
	return nil
}

// listing is what priced found.
type listing struct {
	rooms []string
	more  bool          // there are others
	wait  time.Duration // until the limit of looks has room for this one
}

// priced returns the first names, at most limit, of what list tells.
func (r *readSide) priced(prefix, after string, limit int) (l listing, err error) {
	end, gone := r.turn(true)
	if gone != nil {
		return l, gone
	}
	defer end()
	granted, seen := r.conn.place.granted, 0
	keep := func(room string) bool {
		seen++
		return strings.HasPrefix(room, prefix) && room > after && granted.Allows(room)
	}
	rooms, total, err := r.conn.server.opts.Ingest.Rooms(context.Background(), keep, true, limit, r.conn.server.joins.Pause)
	if err != nil {
		return l, common.Errorf(protocol.CodeUnavailable, "%v", err)
	}
	return listing{rooms, total > len(rooms), r.account().looks.Take(seen + perTold*total)}, nil
}
