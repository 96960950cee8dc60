package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/protocol"
)

const redrawEvery = 100 * time.Millisecond

// watcher reads what comes and makes pictures of it. Its goroutine, which runs watch, owns the board.
type watcher struct {
	// Immutable.
	conn    *client.Conn
	wishes  client.JoinOptions
	asked   chan wish    // of the screen
	answers chan answer  // of the calls that wait for the server
	newest  chan picture // one place: a screen that is stuck must not hold up the reading

	// Owned by watch.
	board   *board
	joining int             // calls without an answer
	begun   bool            // the first join is answered
	looked  map[string]bool // rooms of which nothing is known, and for which names were looked for
}

// wish is a room that the user adds or removes.
type wish struct {
	room  string
	leave bool
}

// answer is that to a join or a leave.
type answer struct {
	rooms []string
	all   bool // the join of all rooms
	leave bool
	names bool // near is the answer
	near  []string
	err   error
}

// wishesAtOnce bounds the rooms that are added and removed before the server has answered.
const wishesAtOnce = 16

func newWatcher(conn *client.Conn, wishes client.JoinOptions, now time.Time) *watcher {
	return &watcher{
		conn: conn, wishes: wishes, asked: make(chan wish, wishesAtOnce), answers: make(chan answer, wishesAtOnce),
		newest: make(chan picture, 1), board: newBoard(now), looked: map[string]bool{},
	}
}

// ask has a room added or removed. It reports whether there was a place for the wish.
func (w *watcher) ask(room string, leave bool) bool {
	select {
	case w.asked <- wish{room, leave}:
		return true
	default:
		return false
	}
}

// watch joins rooms, or without any, all that get a price, and keeps the newest picture in newest until ctx ends, the
// connection is over or the server has refused all of the rooms. It closes newest.
func (w *watcher) watch(ctx context.Context, rooms []string) error {
	defer close(w.newest)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if len(rooms) > 0 {
		w.join(ctx, rooms)
	} else {
		w.call(answer{all: true}, func(*answer) error { return w.conn.JoinPrefixWith(ctx, w.wishes, "") })
	}
	redraw, sample := time.NewTicker(redrawEvery), time.NewTicker(sampleEvery)
	defer redraw.Stop()
	defer sample.Stop()
	for {
		select {
		case e, ok := <-w.conn.Events():
			if !ok {
				return w.conn.Err()
			}
			w.board.take(e, time.Now())
		case wanted := <-w.wanted():
			w.obey(ctx, wanted)
		case a := <-w.answers:
			w.joining--
			if err := w.answered(a, time.Now()); err != nil {
				return err
			}
		case <-sample.C:
			w.board.sample()
			w.look(ctx)
		case <-redraw.C:
			w.show(w.board.picture(time.Now()))
		case <-ctx.Done():
			return nil
		}
	}
}

// wanted are the wishes, as long as there is a place for their answers.
func (w *watcher) wanted() <-chan wish {
	if w.joining == wishesAtOnce {
		return nil
	}
	return w.asked
}

// show puts a picture in the place of one that nobody has shown.
func (w *watcher) show(p picture) {
	select {
	case <-w.newest:
	default:
	}
	w.newest <- p // nothing else fills it
}

func (w *watcher) join(ctx context.Context, rooms []string) {
	for _, room := range rooms {
		w.board.add(room)
	}
	w.call(answer{rooms: rooms}, func(*answer) error { return w.conn.JoinWith(ctx, w.wishes, rooms...) })
}

// call has a goroutine wait for the server, which has a place for its answer.
func (w *watcher) call(a answer, do func(*answer) error) {
	w.joining++
	go func() {
		a.err = do(&a)
		w.answers <- a
	}()
}

// look looks for the names of rooms that may have been meant, once for each of which nothing is known.
func (w *watcher) look(ctx context.Context) {
	var rooms []string
	for _, room := range w.board.order {
		if r := w.board.rows[room]; r.state == unknown && r.price == "" && r.chats == 0 && !w.looked[room] {
			rooms = append(rooms, room)
		}
	}
	if len(rooms) == 0 || w.joining == wishesAtOnce {
		return
	}
	for _, room := range rooms {
		w.looked[room] = true
	}
	w.call(answer{names: true}, func(a *answer) error {
		a.near = cli.DidYouMean(ctx, w.conn, rooms)
		return nil
	})
}

func (w *watcher) obey(ctx context.Context, wanted wish) {
	switch known := w.board.rows[wanted.room] != nil; {
	case wanted.leave && known:
		w.board.remove(wanted.room)
		w.call(answer{rooms: []string{wanted.room}, leave: true}, func(*answer) error { return w.conn.Leave(ctx, wanted.room) })
	case !wanted.leave && known:
		w.board.say(time.Now(), "%s is there already", cli.Name(wanted.room))
	case !wanted.leave:
		w.join(ctx, []string{wanted.room})
	}
}

// answered takes in what the server said to a join or a leave. It is an error if all rooms of the first join are refused.
func (w *watcher) answered(a answer, now time.Time) error {
	if a.names {
		if len(a.near) > 0 {
			w.board.say(now, "%s", strings.Join(a.near, "; "))
		}
		return nil
	}
	if a.leave {
		if _, refused := errors.AsType[*client.RequestError](a.err); a.err != nil && !refused { // a refused one was not joined
			w.board.say(now, "%s: the server may not know that it was left: %s", cli.Names(a.rooms), human.Error(a.err))
		}
		return nil
	}
	if refused, ok := errors.AsType[*client.RequestError](a.err); ok && a.all {
		w.board.say(now, "the server does not join all rooms: %s; a joins one by its name", refused.Message)
	} else if some, ok := errors.AsType[*client.JoinError](a.err); ok {
		w.board.rejected(some.Rejected, now)
	} else if errors.Is(a.err, client.ErrConnectionLost) {
		w.board.say(now, "%s: the answer to the join was lost, and comes with the next connection", cli.Names(a.rooms))
	} else if a.err != nil && !errors.Is(a.err, context.Canceled) && !errors.Is(a.err, client.ErrClosed) {
		return a.err
	}
	if first := !w.begun; first {
		if w.begun = true; !a.all && len(w.board.order) == 0 {
			return cli.Failf(cli.ExitRejected, "no room is left to watch: %s", w.board.notice)
		}
	}
	return nil
}

// say keeps a line for people, in the place of the one before.
func (b *board) say(now time.Time, format string, args ...any) {
	b.notice, b.noticed = fmt.Sprintf(format, args...), now
}

// take takes in an event.
func (b *board) take(e client.Event, now time.Time) {
	switch e := e.(type) {
	case client.Joined:
		for _, room := range e.Rooms {
			b.add(room)
		}
		b.rejected(e.Rejected, now)
	case client.PriceUpdate:
		b.price(e, now)
	case client.Conflated:
		b.conflated += e.Skipped
		b.of(e.Room, func(r *row) { r.conflated += e.Skipped })
	case client.Missed:
		b.of(e.Room, func(r *row) { r.missed += e.Events })
	case client.Retired:
		if b.filter != nil {
			b.filter.Pass(e) // it forgets the price
		}
		b.of(e.Instrument, func(r *row) {
			*r = row{room: r.room, state: retired, updates: r.updates, conflated: r.conflated, missed: r.missed}
		})
	case client.NoSnapshot:
		b.of(e.Room, func(r *row) { r.state = unknown })
	case client.FeedStatus:
		b.of(e.Room, func(r *row) { r.silent, r.since = e.Silent, e.Since })
	case client.BridgeStatus:
		b.link.degraded, b.link.bridge = !e.OK, e.Since
	case client.ChatMessage:
		b.of(e.Room, func(r *row) { r.chats++ })
	case client.Disconnected:
		if b.link.lost == nil {
			b.link.since = now
			b.link.outages++
		}
		b.link.lost, b.link.attempt = e.Err, e.Attempt
		b.link.degraded = false // it is said anew
	case client.Connected:
		b.link.lost = nil
	case client.Moved:
		b.link.moves++
		b.say(now, "the server wanted this client elsewhere: moved")
		b.rejected(e.Rejected, now)
	case client.Rejoined:
		b.say(now, "connected again after %v", now.Sub(b.link.since).Round(100*time.Millisecond))
		b.rejected(e.Rejected, now)
	case *client.RequestError:
		b.say(now, "the server answers %s: %s", e.Code, e.Message)
	}
}

// of does something with the row of a room that is watched.
func (b *board) of(room string, do func(*row)) {
	if r := b.rows[room]; r != nil {
		do(r)
	}
}

// rejected removes rooms that the server refuses.
func (b *board) rejected(rooms []protocol.Rejected, now time.Time) {
	for _, r := range rooms {
		b.remove(r.Room)
		b.say(now, "%s is refused: %s: %s", cli.Name(r.Room), r.Code, r.Message)
	}
}
