package transport

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"backbone/internal/directory"
	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/protocol"
)

// A client that joins a prefix joins the rooms that have a price, and those that get one later. The directory
// tells of those, and the ReadPump joins them as if the client had asked for each: with its rights, within its
// limits, and with a snapshot. So hub and ingest know rooms and members, and no prefixes.

const (
	// roomsPerReply is how many rooms of a prefix are joined, or left, and told at a time.
	roomsPerReply = 500
	// patience is how long such a client is waited for, in all, until it has read what it was told.
	patience = 2 * time.Second
	// lookAtQueue is how often it is looked whether a client has read what it was told.
	lookAtQueue = 10 * time.Millisecond
)

// prefixes are those that a client has joined.
type prefixes struct {
	follower *directory.Follower // immutable
	woken    atomic.Bool         // there is something to look at; set by the directory and the ReadPump

	// Owned by the ReadPump.
	wishes map[string]wish     // of each prefix
	rooms  map[string]struct{} // that the client is in because of a prefix alone
	full   map[string]bool     // prefixes of which rooms were kept out, and the client was told
	anew   bool                // to look for all rooms: the client may join others than before
}

// look reports whether there may be rooms to be joined.
func (p *prefixes) look() bool { return p != nil && p.woken.Load() }

// lookAnew has the rooms of all prefixes be looked for, because the rights of the client have changed.
func (p *prefixes) lookAnew() {
	if p != nil {
		p.anew = true
		p.woken.Store(true)
	}
}

// named notes that the client has joined rooms by their names, or left them.
func (p *prefixes) named(rooms ...string) {
	if p == nil {
		return
	}
	for _, room := range rooms {
		delete(p.rooms, room)
	}
}

// of returns the longest joined prefix of a room.
func (p *prefixes) of(room string) (prefix string, found bool) {
	for end := len(room); end >= 0; end-- {
		if _, found = p.wishes[room[:end]]; found {
			return room[:end], true
		}
	}
	return "", false
}

// follow makes the follower of a client, which is woken like one whose credentials have changed.
func (r *readSide) follow() *prefixes {
	p := &prefixes{wishes: map[string]wish{}, rooms: map[string]struct{}{}, full: map[string]bool{}}
	p.follower = directory.NewFollower(func() {
		p.woken.Store(true)
		_ = r.conn.place.conn.SetReadDeadline(time.Now()) // on failure the connection has ended
	})
	return p
}

// joinPrefix joins the rooms with a prefix that there are, and from now on those that come.
func (r *readSide) joinPrefix(o *common.Object, prefix string, wish wish) error {
	if err := r.mayList(); err != nil {
		return err
	}
	if r.conn.place.prefixes == nil {
		r.conn.place.prefixes = r.follow()
	}
	p := r.conn.place.prefixes
	had, again := p.wishes[prefix]
	if again { // which changes stamps, and nothing else
		had.Stamp, had.NoStamp = wish.Stamp || had.Stamp && !wish.NoStamp, wish.NoStamp
		had.marks, had.beat = wish.marks, wish.beat
		wish = had
	}
	if !again && len(p.wishes) >= protocol.MaxPrefixes {
		return common.Errorf(protocol.CodeTooManyRooms, "prefix: %s would be one more than the %d prefixes that a consumer may join", common.Quote(prefix), protocol.MaxPrefixes)
	}
	r.conn.server.opts.Directory.Follow(p.follower, prefix) // first, so that no room comes in between
	wish.prefix = &prefix
	p.wishes[prefix] = wish
	delete(p.full, prefix)
	id, _ := o.ID()
	names, _, err := r.priced(prefix, "", r.conn.server.opts.Limits.MaxRooms+1)
	if err != nil {
		return err
	}
	return r.joinOfPrefix(names, wish, id, true)
}

// joinOfPrefix joins rooms of a prefix, a part of them at a time. The last of the replies has the id. Of an
// asked join there is one even if there are no rooms.
func (r *readSide) joinOfPrefix(names []string, wish wish, id string, asked bool) error {
	until := time.Now().Add(patience)
	for {
		n := min(len(names), roomsPerReply)
		some, last := names[:n:n], n == len(names)
		names = names[n:]
		reply := protocol.ServerMessage{Type: protocol.TypeJoined, Prefix: wish.prefix, Rooms: []string{}}
		if last {
			reply.ID = id
		}
		if n > 0 {
			r.payForRooms(n)
		}
		if err := r.joinPart(some, &reply, wish, asked && last); err != nil || last {
			return err
		}
		if err := r.awaitReader(until); err != nil {
			return err
		}
	}
}

// joinPart joins a part of the rooms of a prefix, and replies if there is something to say, or if it must.
func (r *readSide) joinPart(rooms []string, reply *protocol.ServerMessage, wish wish, must bool) error {
	r.scratch.long = len(rooms) > roomsPerMessage
	end, gone := r.turn(r.scratch.long)
	if gone != nil {
		return gone
	}
	defer end()
	full := r.conn.place.prefixes.full
	reply.Rooms = append(reply.Rooms, r.admitted(rooms, func(room string, err *common.RequestError) {
		if !full[*wish.prefix] {
			full[*wish.prefix] = true
			reply.Rejected = []protocol.Rejected{{Room: room, Code: err.Code, Message: err.Message + "; other rooms of the prefix can be kept out too"}}
			r.conn.server.stats.errors.count(string(err.Code))
		}
	})...)
	if !must && len(reply.Rooms)+len(reply.Rejected) == 0 {
		return nil
	}
	return r.enter(r.ofPrefix(slices.Clone(reply.Rooms), *wish.prefix), wish, Frame(nil, string(reply.Append(nil))))
}

// awaitReader waits until the client has read most of what it was told, but no longer than until a time. So
// it is not closed as slow for the size of what it has asked for.
func (r *readSide) awaitReader(until time.Time) error {
	r.flushReplies()
	for {
		if err := r.standing(); err != nil {
			return err
		}
		s, here := r.conn.server.opts.Hub.ClientStats(&r.conn.client)
		if !here || s.Queued < hub.MaxWrite || !time.Now().Before(until) {
			return nil
		}
		select {
		case <-time.After(lookAtQueue):
		case <-r.conn.server.closing:
			return nil
		}
	}
}

// joinNews joins the rooms that have come since it was called last.
func (r *readSide) joinNews() error {
	begun := time.Now()
	_ = r.acquire()
	r.filled(0)
	r.scratch.long, r.scratch.last = false, false
	defer func() {
		r.flushReplies()
		r.release()
		r.keepAlive.deadline = r.keepAlive.deadline.Add(time.Since(begun)) // it was not the client that was waited for
	}()
	p := r.conn.place.prefixes
	p.woken.Store(false) // before the question, so that nothing is missed
	names, lost := r.conn.server.opts.Directory.News(p.follower)
	found := map[string][]string{}
	if lost || p.anew {
		p.anew = false
		for prefix := range p.wishes {
			some, _, err := r.priced(prefix, "", r.conn.server.opts.Limits.MaxRooms+1)
			if err != nil {
				return nil // the instance stops
			}
			found[prefix] = r.ofPrefix(some, prefix)
		}
	} else {
		for _, name := range names {
			if prefix, follows := p.of(name); follows && r.conn.place.granted.Allows(name) {
				found[prefix] = append(found[prefix], name)
			}
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(found)) {
		in := r.conn.server.opts.Hub.Among(&r.conn.client, slices.Clone(found[prefix]), func() {})
		fresh := slices.DeleteFunc(found[prefix], func(name string) bool {
			if len(in) == 0 || in[0] != name {
				return false
			}
			in = in[1:]
			return true
		})
		if len(fresh) == 0 {
			continue
		}
		if err := r.joinOfPrefix(fresh, p.wishes[prefix], "", false); err != nil {
			return err
		}
	}
	return nil
}

// forgetPrefixes ends what follow began.
func (r *readSide) forgetPrefixes() {
	if p := r.conn.place.prefixes; p != nil {
		r.conn.server.opts.Directory.Unfollow(p.follower, slices.Collect(maps.Keys(p.wishes))...)
	}
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
	names, more, err := r.priced(prefix, string(after), protocol.MaxListedRooms)
	if err != nil {
		return err
	}
	reply := protocol.ServerMessage{Type: protocol.TypeRooms, Rooms: []string{}, More: more}
	reply.ID, _ = o.ID()
	reply.Rooms = append(reply.Rooms, names...)
	r.reply(reply)
	return nil
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

// priced returns the first names, at most limit, of what list tells. more says that there are others.
func (r *readSide) priced(prefix, after string, limit int) (names []string, more bool, err error) {
	end, gone := r.turn(true)
	if gone != nil {
		return nil, false, gone
	}
	defer end()
	granted := r.conn.place.granted
	keep := func(room string, priced bool) bool {
		return priced && strings.HasPrefix(room, prefix) && room > after && granted.Allows(room)
	}
	names, total, err := r.conn.server.opts.Ingest.Rooms(context.Background(), keep, limit, r.conn.server.joins.Pause)
	if err != nil {
		return nil, false, common.Errorf(protocol.CodeUnavailable, "%v", err)
	}
	return names, total > len(names), nil
}
