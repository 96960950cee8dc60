package transport

import (
	"maps"
	"slices"
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
	// breath is how long a client is read, at least, between two steps of joining the rooms that have come.
	breath = 10 * time.Millisecond
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
	unseen []string            // prefixes of which all rooms are to be looked for
	come   []part              // rooms that have come
	due    time.Time           // of the next step: until then the client is read
	until  time.Time           // until then it is waited for
}

// part are rooms of a prefix that are joined together.
type part struct {
	prefix string
	rooms  []string
	paid   bool // the limits have room for them
}

// look reports whether there may be rooms to be joined.
func (p *prefixes) look() bool { return p != nil && p.woken.Load() }

// ready reports whether the next step towards that is due.
func (p *prefixes) ready() bool { return p.look() && !time.Now().Before(p.due) }

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
	kept := wish
	kept.marks, kept.beat = false, 0 // of the connection, which a later join can change
	p.wishes[prefix] = kept
	delete(p.full, prefix)
	id, _ := o.ID()
	l, err := r.priced(prefix, "", r.conn.server.opts.Limits.MaxRooms+1)
	if err != nil {
		return err
	}
	r.payForLook(l.wait)
	return r.joinOfPrefix(l.rooms, wish, id)
}

// joinOfPrefix joins rooms of a prefix, a part of them at a time. The last of the replies has the id. There is
// one even if there are no rooms.
func (r *readSide) joinOfPrefix(names []string, wish wish, id string) error {
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
		if err := r.joinPart(some, &reply, wish, last); err != nil || last {
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

// joinNews does the next step of joining the rooms that have come. The client is read between two of them:
// there can be many, the limits can delay them for long, and the client has not asked for them now.
func (r *readSide) joinNews() error {
	begun, p := time.Now(), r.conn.place.prefixes
	_ = r.acquire()
	r.filled(0)
	r.scratch.long, r.scratch.last = false, false
	defer func() {
		r.flushReplies()
		r.release()
		if len(p.come)+len(p.unseen) > 0 || p.anew {
			p.woken.Store(true)
		}
		if next := time.Now().Add(breath); p.due.Before(next) {
			p.due = next
		}
		r.spare(time.Since(begun))
	}()
	if len(p.come) == 0 {
		r.gather()
	}
	if len(p.come) == 0 || begun.Before(p.due) {
		return nil
	}
	next := &p.come[0]
	if next.rooms = r.fresh(next.prefix, next.rooms); len(next.rooms) == 0 {
		p.come = slices.Delete(p.come, 0, 1)
		return nil
	}
	if !next.paid {
		next.paid = true
		if wait := r.chargeRooms(len(next.rooms)); wait > 0 {
			r.limited(limitJoinRate)
			p.due = begun.Add(wait)
			return nil
		}
	}
	if begun.Before(p.until) {
		if s, here := r.conn.server.opts.Hub.ClientStats(&r.conn.client); here && s.Queued >= hub.MaxWrite {
			return nil // it has not read what it was told
		}
	}
	rooms, wish := next.rooms, p.wishes[next.prefix]
	p.come = slices.Delete(p.come, 0, 1)
	return r.joinPart(rooms, &protocol.ServerMessage{Type: protocol.TypeJoined, Prefix: wish.prefix, Rooms: []string{}}, wish, false)
}

// gather asks which rooms have come: the directory, or where that does not know, ingest for one prefix.
func (r *readSide) gather() {
	p := r.conn.place.prefixes
	p.come, p.until = nil, time.Now().Add(patience)
	if p.anew {
		p.anew, p.unseen = false, slices.Sorted(maps.Keys(p.wishes))
	}
	if len(p.unseen) > 0 {
		prefix := p.unseen[0]
		p.unseen = p.unseen[1:]
		if _, still := p.wishes[prefix]; still {
			if l, err := r.priced(prefix, "", r.conn.server.opts.Limits.MaxRooms+1); err == nil { // else the connection, or the instance, ends
				r.later(prefix, r.ofPrefix(l.rooms, prefix))
				p.due = time.Now().Add(l.wait)
			}
		}
		return
	}
	p.woken.Store(false) // before the question, so that nothing is missed
	names, lost := r.conn.server.opts.Directory.News(p.follower)
	if p.anew = lost; lost {
		return
	}
	found := map[string][]string{}
	for _, name := range names {
		if prefix, follows := p.of(name); follows && r.conn.place.granted.Allows(name) {
			found[prefix] = append(found[prefix], name)
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(found)) {
		r.later(prefix, found[prefix])
	}
}

// later notes rooms that have come, in parts that the client may join within a second: a join of its own waits
// for no more of them.
func (r *readSide) later(prefix string, rooms []string) {
	n, p := roomsPerReply, r.conn.place.prefixes
	if limit := r.conn.server.opts.Limits.MaxJoinRate; limit.Limits() {
		n = min(n, limit.PerSecond)
	}
	for some := range slices.Chunk(rooms, n) {
		p.come = append(p.come, part{prefix: prefix, rooms: some})
	}
}

// fresh returns which rooms of a prefix are still to be joined because of it. It changes rooms.
func (r *readSide) fresh(prefix string, rooms []string) []string {
	in := r.conn.server.opts.Hub.Among(&r.conn.client, slices.Clone(rooms), func() {})
	return slices.DeleteFunc(rooms, func(room string) bool {
		joined := len(in) > 0 && in[0] == room
		if joined {
			in = in[1:]
		}
		longest, follows := r.conn.place.prefixes.of(room)
		return joined || !follows || longest != prefix || !r.conn.place.granted.Allows(room)
	})
}
