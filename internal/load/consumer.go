package load

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"backbone/client"
	"backbone/protocol"
)

// consumer is one consumer of a run.
type consumer struct {
	// Immutable.
	kind      consumerKind
	rooms     *rooms
	first     int           // number of the first room; the others follow
	fromStart bool          // it joins before anything is published
	pause     time.Duration // of a slow one, before each event
	readRate  ByteRate      // of a slow reader
	stage     *stage
	hurry     <-chan struct{} // closed: slow ones and slow readers read as fast as they can
	release   <-chan struct{} // closed: stalled ones read on
	batches   chan<- *batch
	finished  chan<- struct{} // one signal, once all rooms have had their end mark; never full

	// Set by connect, then immutable.
	conn    *client.Conn
	hearing sync.WaitGroup // of watch

	// Owned by the SDK's calls of hear; after close by the caller of close.
	checks []RoomCheck
	open   int // rooms that have not had their end mark
	tally  Tally
	batch  *batch
	likely int // size of the next batch

	// Owned by watch; after close by the caller of close.
	down        bool
	disconnects int
	lastError   error
}

// slowReceiveBuffer is the receive buffer of a slow consumer's socket in bytes. A buffer of
// the usual size holds a minute of what such a consumer reads, during which the server would
// take it for one that does not read.
const slowReceiveBuffer = 4 << 10

// connect connects and joins.
func (c *consumer) connect(ctx context.Context, url string, opt client.ConnOptions) error {
	opt.OnMessage = c.hear
	opt.Buffer = 1 // for events that are not of a room
	switch c.kind {
	case slowConsumer:
		opt.ReceiveBuffer = slowReceiveBuffer
	case slowReader:
		opt.DialContext = paced(opt.DialContext, c.readRate, c.hurry)
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

// watch takes the SDK's events that are not of a room.
func (c *consumer) watch() {
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
func (c *consumer) close() {
	if c.conn == nil {
		return
	}
	_ = c.conn.Close() // always nil
	c.hearing.Wait()
	c.flush()
}

// hear receives each message of the server before the SDK does.
func (c *consumer) hear(b []byte) bool {
	m, ok := c.rooms.parse(b)
	if !ok {
		return c.other(b)
	}
	check := c.check(m.room)
	if check == nil { // a room that was never joined
		c.tally.Malformed++
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
		check.Conflated(m.skipped, &c.tally)
	case m.ts == endMark:
		last = check.End(m.seq, m.snapshot, &c.tally)
	case m.snapshot:
		check.Snapshot(m.seq, &c.tally)
	default:
		fresh = check.Live(m.seq, &c.tally)
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
func (c *consumer) check(room int) *RoomCheck {
	i := room - c.first
	if i < 0 {
		i += len(c.rooms.names)
	}
	if i >= len(c.checks) {
		return nil
	}
	return &c.checks[i]
}

// wait delays slow and stalled consumers.
func (c *consumer) wait() {
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
func (c *consumer) note(now time.Duration, before *Tally, fresh bool, ts int64) {
	slot, in := c.stage.slot(now), phase(c.stage.phase.Load())
	if c.batch != nil && (c.batch.slot != slot || c.batch.phase != in) {
		c.flush()
	}
	if c.batch == nil {
		c.batch = &batch{kind: c.kind, phase: in, slot: slot, latencies: make([]int64, 0, c.likely)}
	}
	c.batch.delivered += int(c.tally.Delivered - before.Delivered)
	c.batch.conflated += int(c.tally.Conflated - before.Conflated)
	c.batch.wrong += int(c.tally.Wrong() - before.Wrong())
	if sent := c.stage.clock.at(ts); fresh && c.counts(sent, slot) {
		c.batch.latencies = append(c.batch.latencies, int64(now-sent))
	}
	if c.batch.delivered == batchSize {
		c.flush()
	}
}

// counts reports whether the latency of an event that was sent then and read in that slot is
// recorded. For most consumers that is decided by when the event was sent, so that the events
// of the measurement count whenever they arrive. For a slow reader it is decided by when the
// event was read: its age is that of all that it sees in a span of time.
func (c *consumer) counts(sent time.Duration, slot int) bool {
	if c.kind == slowReader {
		return slot >= 0 && !c.stage.over.Load()
	}
	return int64(sent) >= c.stage.measured.Load()
}

func (c *consumer) flush() {
	if c.batch != nil {
		c.likely = len(c.batch.latencies)
		c.batches <- c.batch
		c.batch = nil
	}
}

// other takes a message that is not of a room of the run, and leaves answers to the SDK.
func (c *consumer) other(b []byte) bool {
	if isPrice(b) {
		c.tally.Malformed++
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
				check.Join(c.fromStart)
			}
		}
	}
	return false
}

// settle ends the checks of a closed consumer. published has the number of events of each
// room.
func (c *consumer) settle(published []uint64) {
	for i := range c.checks {
		if room := (c.first + i) % len(published); !c.checks[i].ended {
			c.checks[i].Unfinished(published[room]+1, c.down, &c.tally)
		}
	}
}
