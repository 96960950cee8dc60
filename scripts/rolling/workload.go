//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backbone/client"
)

// workload is the clients: a producer of numbered prices, and consumers that count them.
type workload struct {
	o   *options
	url string

	rooms     []string
	ingestor  *client.Ingestor
	consumers []*consumer
	produced  struct{ moves, lost atomic.Int64 }

	sent    []atomic.Int64 // the newest number, by room
	hold    atomic.Bool    // publish nothing
	held    chan struct{}  // receives when it does not
	quit    context.CancelFunc
	running sync.WaitGroup
	failed  atomic.Pointer[error]
}

// sum is what consumers counted.
type sum struct{ due, live, told, twice, moves, lost int64 }

// consumer is one, and what it heard. Its goroutine owns what follows the Conn but for the atomics.
type consumer struct {
	conn *client.Conn
	last []atomic.Int64 // by room
	from []int64        // the number that was the newest when it came first, by room

	live, told, twice, moves, lost atomic.Int64
}

func newWorkload(o *options, url string) *workload {
	w := &workload{o: o, url: url, sent: make([]atomic.Int64, o.rooms), held: make(chan struct{})}
	for i := range o.rooms {
		w.rooms = append(w.rooms, fmt.Sprint("R", i))
	}
	return w
}

func (w *workload) begin(ctx context.Context) error {
	ctx, w.quit = context.WithCancel(ctx)
	var err error
	w.ingestor, err = client.DialIngestor(ctx, w.url, &client.IngestorOptions{OnEvent: func(ev client.Event) {
		switch ev.(type) {
		case client.Moved:
			w.produced.moves.Add(1)
		case client.Disconnected:
			w.produced.lost.Add(1)
		}
	}})
	if err != nil {
		return err
	}
	for i := range w.o.consumers {
		c := &consumer{last: make([]atomic.Int64, w.o.rooms), from: make([]int64, w.o.rooms)}
		if c.conn, err = client.Dial(ctx, w.url, nil); err != nil {
			return err
		}
		w.consumers = append(w.consumers, c)
		w.running.Go(c.hear)
		if err := c.conn.JoinWith(ctx, client.JoinOptions{Stamp: i%2 == 1}, w.rooms...); err != nil {
			return err
		}
	}
	w.running.Go(func() { w.publish(ctx) })
	return nil
}

// publish publishes the numbers of each room, and waits for each turn.
func (w *workload) publish(ctx context.Context) {
	tick := time.NewTicker(time.Second / time.Duration(w.o.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for w.hold.Load() {
			select {
			case w.held <- struct{}{}:
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
		i := n % w.o.rooms
		number := w.sent[i].Load() + 1
		u := client.PriceUpdate{Instrument: w.rooms[i], Price: client.Price(strconv.FormatInt(number, 10)), TS: number}
		if err := w.ingestor.Publish(ctx, u); err != nil {
			w.failed.Store(&err)
			return
		}
		w.sent[i].Store(number)
	}
}

func (c *consumer) hear() {
	for ev := range c.conn.Events() {
		switch e := ev.(type) {
		case client.PriceUpdate:
			i, _ := strconv.Atoi(e.Instrument[1:]) // rooms are named so
			switch before := c.last[i].Load(); {
			case e.TS > before && !e.Snapshot:
				c.live.Add(1)
				c.last[i].Store(e.TS)
			case e.TS > before:
				c.last[i].Store(e.TS)
			case !e.Snapshot:
				c.twice.Add(1)
			}
		case client.Missed:
			c.told.Add(int64(e.Events))
		case client.Conflated:
			c.told.Add(int64(e.Skipped))
		case client.Moved:
			c.moves.Add(1)
		case client.Disconnected:
			if e.Attempt == 1 {
				c.lost.Add(1)
			}
		}
	}
}

// settle stops publishing, and waits for up to five seconds until all consumers have the newest price of
// each room. It returns how many have, and what was counted since it was called last.
func (w *workload) settle(ctx context.Context) (newest int, s sum) {
	w.hold.Store(true)
	defer w.hold.Store(false)
	select {
	case <-w.held:
	case <-ctx.Done():
		return 0, s
	}
	for deadline := time.Now().Add(5 * time.Second); newest < len(w.consumers) && time.Now().Before(deadline); pause(ctx, 20*time.Millisecond) {
		newest = 0
		for _, c := range w.consumers {
			if c.level(w.sent) {
				newest++
			}
		}
	}
	for _, c := range w.consumers {
		for i := range w.sent {
			s.due += w.sent[i].Load() - c.from[i]
			c.from[i] = w.sent[i].Load()
		}
		s.live += c.live.Swap(0)
		s.told += c.told.Swap(0)
		s.twice += c.twice.Swap(0)
		s.moves += c.moves.Swap(0)
		s.lost += c.lost.Swap(0)
	}
	return newest, s
}

// level reports whether the consumer has the newest price of each room.
func (c *consumer) level(sent []atomic.Int64) bool {
	for i := range sent {
		if c.last[i].Load() != sent[i].Load() {
			return false
		}
	}
	return true
}

func (w *workload) end() {
	w.quit()
	for _, c := range w.consumers {
		_ = c.conn.Close()
	}
	if w.ingestor != nil {
		_ = w.ingestor.CloseNow()
	}
	w.running.Wait()
	if err := w.failed.Load(); err != nil {
		fmt.Println("publishing ended:", *err)
	}
}
