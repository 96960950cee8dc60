package simtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/credit"
	"backbone/internal/hub"
)

// consumer is a connection that joins rooms, reads when it likes, and checks what it
// hears against what was published.
type consumer struct {
	in     *instance
	name   string
	client *hub.Client
	rooms  map[string]*membership
	rest   []string // rooms of a join under way that the hub does not have yet
	warm   []string // rooms that the hub has and ingest is still to be asked for
	wants  hub.Wants
	pause  int // it reads in one of so many rounds
	behind bool

	window     credit.Window
	conflating bool    // the hub keeps only newest values for it
	listed     bool    // the hub has a list of them, which it gives by pulls
	most       int     // bytes that it pulls at once; its lists are smaller than a window
	pulled     int     // bytes that the next batch may have, for which it asked; 0: it has not asked
	flight     []piece // under way to it

	refuses bool // has refused conflation in some room, and may do so still
	closed  bool // it was, for that
	gone    bool
	heard   map[int]bool // messages
}

// membership is one stay in a room.
type membership struct {
	confirmed bool // "joined" was heard
	leaving   bool // "left" is under way
	local     int  // live prices published here when it began
	said      int  // messages published here when it began
	messages  int  // heard, or told to be lost
	live      int
	skipped   int
	last      hub.Version
	lastNum   int
	silent    bool

	// What the stamps tell.
	asked  time.Time         // when ingest was asked for the room; zero: not yet
	epochs map[string]uint64 // the number of the last price of each
	lives  map[string]uint64 // the number of the last live price of each that was published since
	gaps   int               // numbers between two live prices of one epoch

	order   int  // of the last live price of this instance, of who refuses conflation; 0: none yet
	all     bool // it refuses conflation, by what it asked for last
	changes int  // of what it wants, of which it has not heard
}

func (w *world) connect(in *instance) *consumer {
	c := &consumer{in: in, client: new(hub.Client), rooms: map[string]*membership{}, heard: map[int]bool{}}
	c.client.Init(nil, nil)
	c.window = credit.New(500 * time.Millisecond)
	c.name = fmt.Sprintf("c%d@i%d", len(in.clients), in.id)
	c.pause = pick(w, []int{1, 4, 4, 4, 300})
	c.most = []int{1, 100, queueBytes}[w.fate.IntN(3)]
	c.wants = hub.Wants{Absent: w.rng.IntN(2) == 0, Status: w.rng.IntN(2) == 0, Stamp: len(in.clients)%2 == 0}
	if c.wants.Status {
		c.wants.Group = []uint32{0, 0, 1000, 1000, 4000, longest}[w.fate.IntN(6)]
	}
	c.wish()
	in.hub.Register(c.client)
	in.clients = append(in.clients, c)
	return c
}

// join asks for those of rooms that the consumer is not in, in one message. The hub takes it into
// one of them at a time.
func (c *consumer) join(rooms ...string) {
	var reply []byte
	for _, room := range rooms {
		if c.rooms[room] == nil && !slices.Contains(c.rest, room) {
			c.rest = append(c.rest, room)
			reply = frame(reply, "joined "+room)
		}
	}
	if len(c.rest) > 0 {
		c.enter(reply)
	}
}

// enter has the hub take the consumer into the next room of a join.
func (c *consumer) enter(reply []byte) {
	room := c.rest[0]
	c.rest = c.rest[1:]
	c.rooms[room] = &membership{local: c.in.local[room], said: c.in.said[room], epochs: map[string]uint64{}, lives: map[string]uint64{}, all: c.wants.Whole}
	joined := c.in.hub.JoinPart(c.client, []string{room}, c.wants, reply, len(c.rest) > 0)
	if len(joined) != 1 && !c.refuses { // or else it may be about to be closed
		c.in.w.problem("%s joined %v of %s", c.name, joined, room)
	}
	c.warm = append(c.warm, room)
	c.in.w.trace(room, "%s joins", c.name)
}

// ask ends a join under way and has ingest warm the rooms that the hub has taken the consumer
// into.
func (c *consumer) ask() {
	for len(c.rest) > 0 {
		c.enter(nil)
	}
	if len(c.warm) > 0 {
		rooms := c.warm
		c.warm = nil
		for _, room := range rooms {
			if m := c.rooms[room]; m != nil {
				m.asked = c.in.w.now
			}
		}
		c.in.route(c.in.ingest.Watch(rooms, c.wants, c.in.time()))
	}
}

func (c *consumer) leave(room string) {
	c.ask() // a ReadPump does one thing after the other
	m := c.rooms[room]
	if m == nil || m.leaving {
		return
	}
	m.leaving = true
	c.in.hub.Leave(c.client, []string{room}, frame(nil, "left "+room))
	c.in.ingest.Unwatch([]string{room}, c.groups(room))
	c.in.w.trace(room, "%s leaves", c.name)
}

// groups is by which threshold the consumer is told that each of rooms is silent.
func (c *consumer) groups(rooms ...string) map[string]uint32 {
	groups := map[string]uint32{}
	for _, room := range rooms {
		groups[room] = c.wants.Group
	}
	return groups
}

// vanish ends the connection without a word.
func (c *consumer) vanish() {
	c.ask()
	c.gone = true
	rooms := c.in.hub.Unregister(c.client)
	c.in.ingest.Unwatch(rooms, c.groups(rooms...))
	c.in.w.trace("", "%s vanishes", c.name)
}

// most is what an instance holds for one consumer at most: a full queue and the drain
// that filled it, or the fixed frames and one entry for each room of its list.
const most = 3 * queueBytes

// piece is a batch under way to a consumer, and the mark behind it.
type piece struct {
	lines string
	mark  uint64 // 0: none
}

// markBytes is the size of a mark.
const markBytes = 10

// read reads up to n batches of those that are under way.
func (c *consumer) read(n int) {
	for range n {
		c.write()
		if len(c.flight) == 0 {
			return
		}
		p := c.flight[0]
		c.flight = c.flight[1:]
		for line := range strings.Lines(p.lines) {
			c.hear(strings.Fields(line))
		}
		if p.mark > 0 {
			now := c.in.w.since()
			c.window.Answer(p.mark, now, now)
		}
	}
}

// write is what a write side does: it sends what the window has room for.
func (c *consumer) write() {
	if c.closed {
		return
	}
	now := c.in.w.since()
	if c.window.Watched() {
		c.window.Tick(now)
	}
	if !c.conflating && c.in.w.fate.IntN(200) == 0 {
		c.conflate(now)
	}
	held := 0
	for {
		queued := len(c.client.Queue())
		open := c.window.Room() > 0
		switch {
		case queued == 0 && !c.behind:
			return
		case !open && (queued == 0 || !c.conflating):
			c.window.Refuse(queued, now)
			if c.window.MarkDue(0) {
				c.send("", now)
			}
			if c.conflating || !c.window.Old() {
				return
			}
			c.conflate(now)
			continue
		case queued == 0:
			c.behind, c.conflating = false, c.conflating && c.window.Slow()
			c.pulled = min(c.window.Room(), c.most)
			c.in.hub.Pull(c.client, hub.Want{Limit: c.pulled, Slow: c.conflating})
			continue
		}
		b := <-c.client.Queue()
		c.behind = c.behind || b.More || b.Signal == hub.Behind
		if b.Signal == hub.CloseWhole && c.refuses {
			c.closed = true
			c.in.w.refused++
			return
		}
		if b.Signal > hub.Behind {
			c.in.w.problem("%s was told to close: %v", c.name, b.Signal)
		}
		if held += b.Len(); held > most && !c.conflating {
			c.in.w.problem("%d bytes were held for %s", held, c.name)
		}
		if b.Len() > 0 {
			c.send(string(b.Append(nil)), now)
			c.window.Took(1, len(c.client.Queue()), now)
		}
		c.answered(b)
	}
}

// answered checks the answer to a pull: newest prices from a list come as they are wanted, up to
// so many bytes or one by one.
func (c *consumer) answered(b hub.Batch) {
	if c.pulled == 0 || b.Signal != hub.NoSignal {
		return
	}
	text, limit := string(b.Append(nil)), min(c.pulled, queueBytes/2)
	if c.listed && strings.Count(text, "price ") > 1 && len(text) > limit {
		c.in.w.problem("%s pulled %d bytes and got %q", c.name, limit, text)
	}
	c.pulled, c.listed = 0, c.conflating || b.More
}

// conflate has the hub keep only newest values.
func (c *consumer) conflate(now time.Duration) {
	c.in.hub.Conflate(c.client)
	c.in.w.conflated++
	c.window.Took(0, 0, now)
	c.conflating, c.listed, c.behind, c.pulled = true, true, false, 0
}

// send puts a batch on its way, and the mark that is due behind it.
func (c *consumer) send(lines string, now time.Duration) {
	p := piece{lines: lines}
	n := len(lines)
	if c.window.MarkDue(n) {
		p.mark = c.window.NextMark()
		n += markBytes
		c.window.Mark(n, now)
	}
	c.window.Sent(n)
	c.flight = append(c.flight, p)
	if lines == "" {
		return
	}
	if over := c.window.Outstanding() - c.window.Size(); over > n {
		c.in.w.problem("%d bytes are under way to %s, with a window of %d", c.window.Outstanding(), c.name, c.window.Size())
	}
}

// readAll takes everything that the hub has for the consumer.
func (c *consumer) readAll() { c.read(1 << 20) }

func (c *consumer) hear(f []string) {
	w := c.in.w
	if f[0] == "link" {
		return
	}
	room := f[1]
	m := c.rooms[room]
	if m == nil {
		w.problem("%s is not in %s and heard %v", c.name, room, f)
		return
	}
	if !m.confirmed && f[0] != "joined" {
		w.problem("%s heard %v of %s before joined", c.name, f, room)
	}
	switch f[0] {
	case "joined":
		if m.confirmed {
			m.changes, m.order = m.changes-1, 0
		}
		m.confirmed = true
	case "left":
		delete(c.rooms, room)
	case "conflated":
		n, err := strconv.Atoi(f[2])
		if err != nil || n < 1 {
			w.problem("%s heard %v", c.name, f)
		}
		m.skipped += n
	case "empty":
		if m.lastNum != 0 && !w.prices[m.lastNum].gone || !c.wants.Absent {
			w.problem("%s was told that %s is empty after %d", c.name, room, m.lastNum)
		}
	case "feed":
		if !c.wants.Status {
			w.problem("%s did not ask for the status of %s", c.name, room)
		}
		m.silent = f[2] == "true"
	case "message":
		n := number(strings.Join(f, " "))
		if c.heard[n] {
			w.problem("%s heard message %d of %s twice", c.name, n, room)
		}
		c.heard[n] = true
		m.messages++
	case "lost":
		n, err := strconv.Atoi(f[2])
		if err != nil || n < 1 {
			w.problem("%s heard %v", c.name, f)
		}
		m.messages += n
	case "price":
		c.price(m, f)
	default:
		w.problem("%s heard %v", c.name, f)
	}
}

func (c *consumer) price(m *membership, f []string) {
	n := number(strings.Join(f, " "))
	p := &c.in.w.prices[n]
	if p.version.Compare(m.last) <= 0 {
		c.in.w.problem("%s heard %d of %s (%v) after %d (%v)", c.name, n, p.room, p.version, m.lastNum, m.last)
	}
	m.last, m.lastNum = p.version, n
	c.stamp(m, p, f)
	if !slices.Contains(f, "snapshot") {
		m.live++
		c.whole(m, n, p)
	}
	c.in.w.trace(p.room, "%s hears %v", c.name, f)
}

// stamp checks what the stamp of a price tells. Everywhere it is the one that the price got
// where it was taken in, and numbers never go down. Of the live prices that are published after
// ingest counted the consumer, no more are missing by their numbers than were told.
func (c *consumer) stamp(m *membership, p *price, f []string) {
	w, last, s := c.in.w, f[len(f)-1], p.stamp
	if !c.wants.Stamp {
		if last[0] == '#' {
			w.problem("%s wants no stamps and heard %v of %s", c.name, f, p.room)
		}
		return
	}
	if last != s.sum() {
		w.problem("%s heard %v of %s, its stamp is %v %s", c.name, f, p.room, s, s.sum())
	}
	if s.seq <= m.epochs[s.epoch] {
		w.problem("%s heard number %v of %s after %d", c.name, s, p.room, m.epochs[s.epoch])
	}
	m.epochs[s.epoch] = s.seq
	if slices.Contains(f, "snapshot") || m.asked.IsZero() || !p.at.After(m.asked) {
		return
	}
	if before := m.lives[s.epoch]; before > 0 {
		m.gaps += int(s.seq - before - 1)
	}
	m.lives[s.epoch] = s.seq
	if m.gaps > m.skipped {
		w.problem("%s was told of %d that are missing of %s, by their numbers it is %d", c.name, m.skipped, p.room, m.gaps)
	}
}

// settle checks the counts of a stay once everything was read: none of this instance's
// events is missing untold, and no more is told missing than was published.
func (c *consumer) settle(room string, m *membership) {
	w := c.in.w
	local := c.in.local[room] - m.local
	// What was lost between instances is counted by room, not by member: someone who joined
	// after a loss may be told of it with the next event.
	remote, said := 0, 0
	for i := range w.prices {
		if p := &w.prices[i]; p.room == room && p.origin != c.in.origin && !p.refused {
			if p.message {
				said++
			} else {
				remote++
			}
		}
	}
	if here := c.in.said[room] - m.said; m.messages < here || m.messages > here+said {
		w.problem("%s got %d messages of %s or was told that they are lost, but %d were published here and at most %d elsewhere", c.name, m.messages, room, here, said)
	}
	got := m.live + m.skipped
	if got < local || got > local+remote {
		w.problem("%s got %d and was told of %d of %s, but %d were published here and at most %d elsewhere", c.name, m.live, m.skipped, room, local, remote)
	}
}
