package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// walker is a server that refuses joins at random, and replies after a random while. Its rooms P1 and P2 have a price.
// Owned by serve, and by the test while no connection is served.
type walker struct {
	rooms   map[string]JoinOptions
	named   map[string]bool // of rooms: joined by their names
	refuses atomic.Bool
	prefix  bool
}

func (w *walker) join(m protocol.ClientMessage) {
	opt := JoinOptions{Status: m.Status, SilentAfter: time.Duration(m.SilentAfterMS) * time.Millisecond, Stamp: m.Stamp, Conflate: Conflation(m.Conflate)}
	if m.MaxRate != nil {
		if opt.MaxRate = *m.MaxRate; opt.MaxRate == 0 {
			opt.MaxRate = NoMaxRate
		}
	}
	names := m.Rooms
	if m.Prefix != nil {
		w.prefix = true
		names = []string{"P1", "P2"}
	}
	for _, room := range names {
		had, joined := w.rooms[room]
		if m.Prefix != nil && joined {
			continue
		}
		had.change(opt)
		if !joined {
			had = opt.settled()
		}
		w.rooms[room] = had
		w.named[room] = w.named[room] || m.Prefix == nil
	}
}

// serve answers until the client is gone.
func (w *walker) serve(p *peer, r *rand.Rand) {
	replies := make(chan protocol.ServerMessage, 1000)
	errs := make(chan protocol.ServerMessage, 1000) // may overtake
	var gone sync.WaitGroup
	for i, queue := range []chan protocol.ServerMessage{replies, errs} {
		random := rand.New(rand.NewPCG(r.Uint64(), uint64(i)))
		gone.Go(func() {
			for m := range queue {
				time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
				p.tell(m)
			}
		})
	}
	defer func() { close(replies); close(errs); gone.Wait() }()
	random := rand.New(rand.NewPCG(r.Uint64(), 2))
	for m := range p.requests {
		no := func(code Code) {
			errs <- protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: code, Message: "no"}
		}
		switch {
		case m.Type == protocol.TypeJoin && w.refuses.Load() && random.IntN(2) == 0:
			no(protocol.CodeRateLimited)
		case m.Type == protocol.TypeJoin:
			w.join(m)
			answer := protocol.ServerMessage{Type: protocol.TypeJoined, ID: m.ID, Prefix: m.Prefix, Rooms: m.Rooms}
			if m.Prefix != nil {
				answer.Rooms = []string{"P1", "P2"}
			}
			replies <- answer
		case m.Type == protocol.TypeLeave && m.Prefix != nil:
			if !w.prefix {
				no(protocol.CodeNotJoined)
				continue
			}
			w.prefix = false
			answer := protocol.ServerMessage{Type: protocol.TypeLeft, ID: m.ID, Prefix: m.Prefix}
			for _, room := range []string{"P1", "P2"} {
				if _, joined := w.rooms[room]; joined && !w.named[room] {
					delete(w.rooms, room)
					answer.Rooms = append(answer.Rooms, room)
				}
			}
			replies <- answer
		case m.Type == protocol.TypeLeave:
			if _, joined := w.rooms[m.Room]; !joined {
				no(protocol.CodeNotJoined)
				continue
			}
			delete(w.rooms, m.Room)
			delete(w.named, m.Room)
			replies <- protocol.ServerMessage{Type: protocol.TypeLeft, ID: m.ID, Room: m.Room}
		default:
			p.t.Errorf("server got %+v", m)
		}
	}
}

// program is a goroutine of a program, which has rooms of its own.
type program struct {
	c     *Conn
	r     *rand.Rand
	first int             // of its rooms
	wants map[string]bool // what it has joined or left last, without an error
	did   []string
}

// act joins or leaves something at random.
func (g *program) act(ctx context.Context) {
	room := fmt.Sprintf("R%d", g.first+g.r.IntN(4))
	opt := JoinOptions{Status: g.r.IntN(2) == 0, Stamp: g.r.IntN(4) == 0, MaxRate: []float64{0, 0, 1, 2, NoMaxRate}[g.r.IntN(5)]}
	if opt.MaxRate <= 0 {
		opt.Conflate = []Conflation{"", "", ConflateBehind, ConflateNever}[g.r.IntN(4)]
	}
	act, what, wanted := g.r.IntN(7), room, true
	if g.first == 0 && g.r.IntN(3) == 0 {
		room = "P1" // of the prefix, which has no status
		what = room
	}
	if g.first == 0 && act >= 5 {
		what = "P"
	}
	var err error
	switch {
	case what == "P" && act == 5:
		err = g.c.JoinPrefix(ctx, "P")
	case what == "P":
		err, wanted = g.c.LeavePrefix(ctx, "P"), false
	case act < 2:
		err, wanted = g.c.Leave(ctx, room), false
	default:
		err = g.c.JoinWith(ctx, opt, room)
	}
	if refused, ok := errors.AsType[*JoinError](err); err == nil || ok && len(refused.Rejected) == 0 {
		g.wants[what] = wanted
		delete(g.wants, "P1")
	}
	g.did = append(g.did, fmt.Sprintf("%s wanted: %v, %+v: %v", what, wanted, opt, err))
}

// Whatever a program joins and leaves while its rooms are joined again late, it then is where it thinks that it is,
// with the options that it has.
func TestLateRejoinsAmongRequests(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) { walk(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func walk(t *testing.T, seed uint64) {
	random := func(of uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, of)) }
	s := newPipeServer(t)
	c, p := s.consumer(ConnOptions{})
	async(t, func() {
		for range c.Events() { // until the end
		}
	})
	w := &walker{rooms: map[string]JoinOptions{}, named: map[string]bool{}}
	programs := []*program{
		{c: c, r: random(1), first: 0, wants: map[string]bool{}},
		{c: c, r: random(2), first: 4, wants: map[string]bool{}},
	}
	for round := range uint64(4) {
		var did, served sync.WaitGroup
		served.Go(func() { w.serve(p, random(10+round)) })
		for _, g := range programs {
			did.Go(func() {
				for range g.r.IntN(12) {
					time.Sleep(time.Duration(g.r.IntN(2000)) * time.Millisecond)
					g.act(t.Context())
				}
			})
		}
		did.Wait()
		if round == 3 {
			w.refuses.Store(false)
			time.Sleep(5 * time.Minute) // until all that waits was joined
		}
		p.kill()
		served.Wait()
		if round == 3 {
			w.check(t, programs)
		}
		w.rooms, w.named, w.prefix = map[string]JoinOptions{}, map[string]bool{}, false
		w.refuses.Store(true)
		p = s.accept()
	}
}

// check compares what the server has with what the client thinks.
func (w *walker) check(t *testing.T, programs []*program) {
	t.Helper()
	c := programs[0].c
	rooms := c.Rooms()
	if len(rooms) != len(w.rooms) {
		t.Errorf("in %v, at the server %v", rooms, w.rooms)
	}
	for _, room := range rooms {
		of, _ := c.s.rooms.options.Load(room)
		if has, joined := w.rooms[room]; !joined || has != of.(JoinOptions) {
			t.Errorf("%s is joined: %v, with %+v, want %+v", room, joined, has, of)
		}
	}
	for _, g := range programs {
		for what, wanted := range g.wants {
			if _, is := w.rooms[what]; wanted != (is || what == "P" && w.prefix) {
				t.Errorf("%s is not as wanted: %v", what, wanted)
			}
		}
	}
	if t.Failed() {
		t.Log(strings.Join(slices.Concat(programs[0].did, programs[1].did), "\n"))
	}
}
