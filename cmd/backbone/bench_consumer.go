package main

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"backbone/client"
	"backbone/protocol"
)

// benchConsumer is one consumer of a run.
type benchConsumer struct {
	// Immutable.
	kind      consumerKind
	rooms     *benchRooms
	first     int           // number of the first room; the others follow
	fromStart bool          // it joins before anything is published
	pause     time.Duration // of a slow one, before each event
	stage     *benchStage
	hurry     <-chan struct{} // closed: slow ones read as fast as they can
	release   <-chan struct{} // closed: stalled ones read on
	batches   chan<- *batch
	finished  chan<- struct{} // one signal, once all rooms have had their end mark; never full

	// Set by connect, then immutable.
	conn    *client.Conn
	hearing sync.WaitGroup // of watch

	// Owned by the SDK's calls of hear; after close by who called it.
	checks []roomCheck
	open   int // rooms that have not had their end mark
	tally  tally
	batch  *batch
	likely int // size of the next batch

	// Owned by watch; after close by who called it.
	down        bool
	disconnects int
	lastError   error
}

// slowReceiveBuffer is that of the socket of a slow consumer, bytes. A buffer of the usual
// size would hold a minute of what it reads: a server sees nobody read for so long.
const slowReceiveBuffer = 4 << 10

// connect connects and joins.
func (c *benchConsumer) connect(ctx context.Context, url string, opt client.ConnOptions) error {
	opt.OnMessage = c.hear
	opt.Buffer = 1 // for what is no event of a room
	if c.kind == slowConsumer {
		opt.ReceiveBuffer = slowReceiveBuffer
	}
	conn, err := client.Dial(ctx, url, &opt)
	if err != nil {
		return err
	}
	c.conn = conn
	c.hearing.Go(c.watch)
	names := make([]string, len(c.checks))
	for i := range names {
		names[i] = c.rooms.names[(c.first+i)%len(c.rooms.names)]
	}
	return conn.Join(ctx, names...)
}

// watch takes what the SDK tells beside the events of rooms.
func (c *benchConsumer) watch() {
	for e := range c.conn.Events() {
		switch e := e.(type) {
		case client.Disconnected:
			if !c.down {
				c.disconnects++
			}
			c.down, c.lastError = true, e.Err
		case client.Rejoined:
			c.down = false
		case *client.RequestError:
			c.lastError = e
		}
	}
}

// close ends the connection and hands over the last batch.
func (c *benchConsumer) close() {
	if c.conn == nil {
		return
	}
	_ = c.conn.Close() // always nil
	c.hearing.Wait()
	c.flush()
}

// hear takes each message of the server before the SDK does.
func (c *benchConsumer) hear(b []byte) bool {
	m, ok := c.rooms.parse(b)
	if !ok {
		return c.other(b)
	}
	check := c.check(m.room)
	if check == nil { // a room that was never joined
		c.tally.malformed++
		return true
	}
	if c.kind != normalConsumer {
		c.wait()
	}
	now := c.stage.clock.now()
	before := c.tally
	last := false
	fresh := false
	switch {
	case m.notice:
		check.conflated(m.skipped, &c.tally)
	case m.ts == endMark:
		last = check.end(m.seq, m.snapshot, &c.tally)
	case m.snapshot:
		check.snapshot(m.seq, &c.tally)
	default:
		fresh = check.live(m.seq, &c.tally)
	}
	c.note(now, &before, fresh, m.ts)
	if last {
		if c.open--; c.open == 0 {
			c.flush()
			c.finished <- struct{}{}
		}
	}
	return true
}

// check is that of a room; nil if the consumer has not joined it.
func (c *benchConsumer) check(room int) *roomCheck {
	i := room - c.first
	if i < 0 {
		i += len(c.rooms.names)
	}
	if i >= len(c.checks) {
		return nil
	}
	return &c.checks[i]
}

// wait is what makes slow and stalled consumers so.
func (c *benchConsumer) wait() {
	switch c.kind {
	case slowConsumer:
		select {
		case <-c.hurry:
			return
		default:
		}
		select {
		case <-time.After(c.pause):
		case <-c.hurry:
		}
	case stalledConsumer:
		<-c.release
	}
}

// note puts a message into the batch.
func (c *benchConsumer) note(now time.Duration, before *tally, fresh bool, ts int64) {
	slot, phase := c.stage.slot(now), benchPhase(c.stage.phase.Load())
	if c.batch != nil && (c.batch.slot != slot || c.batch.phase != phase) {
		c.flush()
	}
	if c.batch == nil {
		c.batch = &batch{kind: c.kind, phase: phase, slot: slot, latencies: make([]int64, 0, c.likely)}
	}
	c.batch.delivered += int(c.tally.delivered - before.delivered)
	c.batch.conflated += int(c.tally.conflated - before.conflated)
	c.batch.wrong += int(c.tally.wrong() - before.wrong())
	if sent := c.stage.clock.at(ts); fresh && int64(sent) >= c.stage.measured.Load() {
		c.batch.latencies = append(c.batch.latencies, int64(now-sent))
	}
	if c.batch.delivered == batchSize {
		c.flush()
	}
}

func (c *benchConsumer) flush() {
	if c.batch != nil {
		c.likely = len(c.batch.latencies)
		c.batches <- c.batch
		c.batch = nil
	}
}

// other takes what is no message of a bench room, and leaves answers to the SDK.
func (c *benchConsumer) other(b []byte) bool {
	if isPrice(b) {
		c.tally.malformed++
		return true
	}
	if !bytes.HasPrefix(b, []byte(`{"type":"`+protocol.TypeJoined+`"`)) {
		return false
	}
	var m protocol.ServerMessage
	if json.Unmarshal(b, &m) != nil {
		return false
	}
	for _, name := range m.Rooms {
		if room, ok := c.rooms.index(name); ok {
			if check := c.check(room); check != nil {
				check.join(c.fromStart)
			}
		}
	}
	return false
}

// settle ends the checks of a consumer that was closed. published has the number of
// events of each room.
func (c *benchConsumer) settle(published []uint64) {
	for i := range c.checks {
		if room := (c.first + i) % len(published); !c.checks[i].ended {
			c.checks[i].unfinished(published[room]+1, c.down, &c.tally)
		}
	}
}
