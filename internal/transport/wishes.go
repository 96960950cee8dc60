package transport

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/protocol"
)

// wish is what a join asks for besides the events of its rooms.
type wish struct {
	hub.Wants
	prefix *string // the rooms are those of a prefix; nil: they are named
	marks  bool    // for the connection: marks are messages
	beat   uint32  // for the connection: time between heartbeats, milliseconds; 0: the join does not say
}

// wishes are the options of a join. Ingest takes the group of a status for its threshold.
func wishes(o *common.Object) (w wish, err error) {
	if w.Absent, _, err = o.Bool("mark_empty"); err != nil {
		return w, err
	}
	if w.Status, _, err = o.Bool("status"); err != nil {
		return w, err
	}
	var said, own bool
	if w.Stamp, said, err = o.Bool("stamp"); err != nil {
		return w, err
	}
	w.NoStamp = said && !w.Stamp
	if err = w.conflation(o); err != nil {
		return w, err
	}
	if w.Group, own, err = milliseconds(o, "silent_after_ms", protocol.MinSilentAfterMS, protocol.MaxSilentAfterMS); err != nil {
		return w, err
	}
	if own && !w.Status {
		return w, common.Errorf(protocol.CodeInvalidEvent, `silent_after_ms: needs "status":true`)
	}
	if w.marks, _, err = o.Bool("marks"); err != nil {
		return w, err
	}
	w.beat, _, err = milliseconds(o, "heartbeat_ms", protocol.MinHeartbeatMS, protocol.MaxHeartbeatMS)
	return w, err
}

// conflation reads what a join asks for of what may be left out.
func (w *wish) conflation(o *common.Object) error {
	text, said, err := o.Number("max_rate")
	if err != nil {
		return err
	}
	if said {
		rate, err := strconv.ParseFloat(string(text), 64)
		if err != nil || rate != 0 && (rate < protocol.MinRate || rate > protocol.MaxRate) {
			return common.Errorf(protocol.CodeInvalidEvent, "max_rate: must be 0 or a number from %v to %v, events per second, got %s",
				protocol.MinRate, protocol.MaxRate, text[:min(len(text), maxShown)])
		}
		if w.NoEvery = rate == 0; !w.NoEvery {
			w.Every = time.Duration(float64(time.Second) / rate)
		}
	}
	word, said, err := o.Text("conflate")
	switch {
	case err != nil || !said:
		return err
	case string(word) == protocol.ConflateNever:
		w.Whole = true
	case string(word) == protocol.ConflateBehind:
		w.NoWhole = true
	default:
		return common.Errorf(protocol.CodeInvalidEvent, `conflate: must be "%s" or "%s"`, protocol.ConflateNever, protocol.ConflateBehind)
	}
	if w.Whole && w.Every > 0 {
		return common.Errorf(protocol.CodeInvalidEvent, `conflate: "%s" refuses what max_rate asks for: send one of them`, protocol.ConflateNever)
	}
	return nil
}

// maxShown is how much of a number that is out of range is told.
const maxShown = 32

// milliseconds returns a field that is a time.
func milliseconds(o *common.Object, name string, least, most uint32) (ms uint32, present bool, err error) {
	text, present, err := o.Number(name)
	if err != nil || !present {
		return 0, present, err
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || uint32(n) < least || uint32(n) > most {
		return 0, true, common.Errorf(protocol.CodeInvalidEvent, "%s: must be an integer from %d to %d, got %s",
			name, least, most, text[:min(len(text), maxShown)])
	}
	return uint32(n), true, nil
}

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

// forgetPrefixes ends what follow began.
func (r *readSide) forgetPrefixes() {
	if p := r.conn.place.prefixes; p != nil {
		r.conn.server.opts.Directory.Unfollow(p.follower, slices.Collect(maps.Keys(p.wishes))...)
	}
}

// ofPrefix leaves out what a longer prefix has, and what was joined by its name: that keeps its own options. It
// changes names.
func (r *readSide) ofPrefix(names []string, prefix string) []string {
	p := r.conn.place.prefixes
	in := r.conn.server.opts.Hub.Among(&r.conn.client, slices.Clone(names), func() {})
	return slices.DeleteFunc(names, func(name string) bool {
		joined := len(in) > 0 && in[0] == name
		if joined {
			in = in[1:]
		}
		longest, _ := p.of(name)
		_, of := p.rooms[name]
		return longest != prefix || joined && !of
	})
}

// mayList returns the error of an instance that does not tell which rooms there are.
func (r *readSide) mayList() error {
	if why := r.conn.server.opts.NoRooms; why != "" {
		return &common.RequestError{Code: protocol.CodeForbidden, Message: "type: " + why}
	}
	return nil
}

// prefixOf returns the prefix in a request, which is valid.
func prefixOf(o *common.Object) (prefix string, present bool, err error) {
	text, present, err := o.Text("prefix")
	if err != nil {
		return "", false, err
	}
	if fault := protocol.PrefixFault(text); fault != "" {
		return "", false, common.Errorf(protocol.CodeInvalidRoom, "prefix: %s, got %s", fault, common.Quote(text))
	}
	return string(text), present, nil
}
