package upstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"backbone/client"
)

// room is one that has members here.
type room struct {
	name   string
	queued bool      // it is to be joined
	joined bool      // the SDK has joined it, or is about to; it joins it again on each connection
	heard  bool      // something of it has come on this connection, so that what is known is current
	unread bool      // a read waits for its answer
	due    time.Time // when that is answered with an error
	position
}

// read is a read that may still have to be answered.
type read struct {
	room *room
	due  time.Time
}

var errUnanswered = errors.New("upstream did not answer in time")

// read takes rooms whose last price is wanted. It joins those that are not joined.
func (u *Upstream) read(names []string) {
	due := time.Now().Add(u.opts.ReadTimeout)
	for _, name := range names {
		r := u.rooms[name]
		if r == nil {
			r = &room{name: name}
			u.rooms[name] = r
		}
		if !r.joined && !r.queued {
			r.queued = true
			u.toJoin = append(u.toJoin, r)
		}
		r.unread, r.due = true, due
		switch {
		case !u.up:
			u.fail(r)
		case r.joined && r.heard:
			u.hear(r)
		default:
			u.reads = append(u.reads, read{r, due})
		}
	}
}

// fail answers a read of the room with an error, if one waits.
func (u *Upstream) fail(r *room) {
	if r.unread {
		r.unread = false
		u.failed = append(u.failed, r.name)
	}
}

// expire fails the reads that are due at a time.
func (u *Upstream) expire(now time.Time) {
	for len(u.reads) > 0 && !u.reads[0].due.After(now) {
		if r := u.reads[0]; r.room.due.Equal(r.due) { // else it was answered, and read again
			u.fail(r.room)
		}
		u.reads[0].room = nil
		u.reads = u.reads[1:]
	}
}

// leave takes rooms without members.
func (u *Upstream) leave(names []string) {
	for _, name := range names {
		r := u.rooms[name]
		if r == nil {
			continue
		}
		delete(u.rooms, name)
		r.queued = false
		if r.joined {
			u.toLeave = append(u.toLeave, name)
		}
	}
	u.toJoin = slices.DeleteFunc(u.toJoin, func(r *room) bool { return !r.queued })
}

// refuse notes that upstream does not let this edge join a room. Ingest reads it again.
func (u *Upstream) refuse(r *room, why string) {
	r.joined = false
	u.refused.Add(1)
	u.fail(r)
	if now := time.Now(); !now.Before(u.quiet) {
		u.quiet = now.Add(time.Minute)
		u.opts.Logger.Warn("upstream: a room is refused, so its members here get no prices; raise --max-rooms there if there are too many",
			"room", r.name, "reason", why, "rooms", len(u.rooms))
	}
}

// job is one call, or several in a row, that wait for upstream.
type job struct {
	conn  *client.Conn // nil: one is to be made
	leave []string     // first, because a room may be left and joined anew
	join  []*room
}

// result is what has come of a job.
type result struct {
	conn    *client.Conn // that was made
	err     error        // of making one
	job     job
	refused []client.Rejected // of the rooms to be joined
	failed  error             // none of them is joined for certain
	stay    []string          // rooms that could not be left
}

// nextJob returns what is to be done next, if work has nothing to do and there is something.
func (u *Upstream) nextJob(now time.Time) (j job, has bool) {
	switch {
	case u.busy:
		return j, false
	case u.conn == nil:
		return j, !now.Before(u.redial)
	}
	for _, r := range u.toJoin {
		r.queued, r.joined = false, true
	}
	j.join, u.toJoin = u.toJoin, nil
	if len(j.join) > 0 || !now.Before(u.leaveFrom) {
		j.leave, u.toLeave = u.toLeave, nil
	}
	j.conn = u.conn
	return j, len(j.join)+len(j.leave) > 0
}

// leaveAgain is how long rooms stay joined that could not be left.
const leaveAgain = time.Second

// done takes the result of a job.
func (u *Upstream) done(r result) {
	u.busy = false
	if r.job.conn == nil {
		if r.err != nil {
			u.redial = time.Now().Add(u.opts.Redial)
			u.opts.Logger.Error("upstream: refused", "error", r.err, "again_in", u.opts.Redial)
		}
		u.conn = r.conn
		return
	}
	if r.job.conn != u.conn {
		return // ended has dealt with its rooms
	}
	why := map[string]client.Rejected{}
	for _, refused := range r.refused {
		why[refused.Room] = refused
	}
	for _, room := range r.job.join {
		switch refused, is := why[room.name]; {
		case u.rooms[room.name] != room:
		case is:
			u.refuse(room, string(refused.Code)+": "+refused.Message)
		case r.failed != nil:
			u.refuse(room, r.failed.Error())
		}
	}
	for _, name := range r.stay {
		if u.rooms[name] == nil {
			u.toLeave = append(u.toLeave, name)
			u.leaveFrom = time.Now().Add(leaveAgain)
		}
	}
}

// work makes the calls that wait for upstream, one job after another. Its goroutine is the only
// one besides Run's.
func (u *Upstream) work(ctx context.Context) {
	for j := range u.jobs {
		r := result{job: j}
		if j.conn == nil {
			r.conn, r.err = u.dial(ctx)
		} else {
			r.stay = leave(ctx, j.conn, j.leave)
			r.refused, r.failed = join(ctx, j.conn, j.join)
		}
		u.results <- r
	}
}

// wants are what an edge asks for with each room.
var wants = client.JoinOptions{MarkEmpty: true, Status: true, Stamp: true}

func join(ctx context.Context, conn *client.Conn, rooms []*room) (refused []client.Rejected, err error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	names := make([]string, len(rooms))
	for i, r := range rooms {
		names[i] = r.name
	}
	err = conn.JoinWith(ctx, wants, names...)
	if some, ok := errors.AsType[*client.JoinError](err); ok {
		return some.Rejected, nil
	}
	return nil, err
}

// leave returns the rooms that could not be left.
func leave(ctx context.Context, conn *client.Conn, rooms []string) (stay []string) {
	if len(rooms) == 0 || conn.Leave(ctx, rooms...) == nil {
		return nil
	}
	in := conn.Rooms()
	return slices.DeleteFunc(rooms, func(name string) bool {
		_, still := slices.BinarySearch(in, name)
		return !still
	})
}

// heartbeat is how often upstream is heard at least, so that one that hangs is noticed within two
// and a half times as long, once a room is joined.
const heartbeat = time.Second

// dial makes a client that connects, and connects again, by itself.
func (u *Upstream) dial(ctx context.Context) (*client.Conn, error) {
	return client.Dial(ctx, u.opts.URL, &client.ConnOptions{
		Options: client.Options{
			TLSConfig:     u.opts.TLS,
			Token:         u.opts.Token,
			DialTimeout:   5 * time.Second,
			KeepTrying:    true,
			BackoffMax:    2 * time.Second,
			ReceiveBuffer: -1, // the kernel's: this program always reads
		},
		Heartbeat: heartbeat,
	})
}
