package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"backbone/client"
)

// workload is a producer and a consumer for each instance. Each producer counts its prices from 1,
// room by room, and each consumer joins the rooms of all. One goroutine uses it.
type workload struct {
	producers []*producer
	consumers []*consumer
}

func newWorkload(ctx context.Context, urls []string, rooms, rate int) (*workload, error) {
	w := &workload{}
	var all []string
	for i, url := range urls {
		p := &producer{url: url, rate: rate, pauses: make(chan chan struct{})}
		for k := range rooms {
			p.rooms = append(p.rooms, fmt.Sprintf("UP%d_%d", i+1, k))
		}
		p.last = make([]int, rooms)
		all = append(all, p.rooms...)
		w.producers = append(w.producers, p)
	}
	for _, url := range urls {
		c, err := newConsumer(ctx, url, all)
		if err != nil {
			return nil, err
		}
		w.consumers = append(w.consumers, c)
	}
	for i := range urls {
		w.resume(ctx, i)
	}
	return w, nil
}

// resume has the producer of an instance publish until pause.
func (w *workload) resume(ctx context.Context, i int) {
	p := w.producers[i]
	go p.run(ctx, p.pauses)
}

// pause returns when the instance has taken all that its producer has published.
func (w *workload) pause(i int) {
	done := make(chan struct{})
	w.producers[i].pauses <- done
	<-done
}

func (w *workload) end() {
	for _, c := range w.consumers {
		_ = c.conn.Close()
	}
}

// counts are what a consumer got since it was asked before.
type counts struct {
	live   int // prices that are no snapshots
	missed int // numbers left out, while it was connected
	told   int // how many the server said are left out
	away   int // numbers left out while its instance was replaced
	back   int // prices older than one before
	behind int // rooms whose newest price it has not got
}

// settle pauses all producers and gives prices 3 s to arrive. It returns what the consumers got.
func (w *workload) settle(ctx context.Context) (all []counts) {
	newest := map[string]int{}
	for i, p := range w.producers {
		w.pause(i)
		for k, room := range p.rooms {
			newest[room] = p.last[k]
		}
	}
	time.Sleep(3 * time.Second)
	for _, c := range w.consumers {
		ask := make(chan counts)
		c.asks <- asked{newest, ask}
		all = append(all, <-ask)
	}
	for i := range w.producers {
		w.resume(ctx, i)
	}
	return all
}

// producer is owned by the goroutine of run while that runs.
type producer struct {
	url    string
	rate   int
	rooms  []string
	last   []int // published, of each room
	next   int   // room
	pauses chan chan struct{}
}

const burst = 20

func (p *producer) run(ctx context.Context, pauses <-chan chan struct{}) {
	conn, err := client.DialIngestor(ctx, p.url, nil)
	if err != nil {
		panic(err)
	}
	ticker := time.NewTicker(time.Second * burst / time.Duration(p.rate))
	defer ticker.Stop()
	for {
		select {
		case done := <-pauses:
			if err := conn.Flush(ctx); err != nil {
				panic(err)
			}
			_ = conn.Close()
			close(done)
			return
		case <-ticker.C:
			var batch []client.PriceUpdate
			for range burst {
				p.last[p.next]++
				batch = append(batch, client.PriceUpdate{
					Instrument: p.rooms[p.next], Price: client.Price(strconv.Itoa(p.last[p.next])), TS: time.Now().UnixMilli(),
				})
				p.next = (p.next + 1) % len(p.rooms)
			}
			if err := conn.PublishBatch(ctx, batch); err != nil {
				panic(err)
			}
		}
	}
}

type asked struct {
	newest map[string]int
	answer chan<- counts
}

type consumer struct {
	conn *client.Conn
	asks chan asked

	// Owned by run.
	last map[string]int
	away map[string]bool // rooms without a price since the connection was lost
	got  counts
}

func newConsumer(ctx context.Context, url string, rooms []string) (*consumer, error) {
	conn, err := client.Dial(ctx, url, &client.ConnOptions{Options: client.Options{KeepTrying: true, BackoffMax: 200 * time.Millisecond}})
	if err != nil {
		return nil, err
	}
	c := &consumer{conn: conn, asks: make(chan asked), last: map[string]int{}, away: map[string]bool{}}
	go c.run()
	return c, conn.Join(ctx, rooms...)
}

func (c *consumer) run() {
	events := c.conn.Events()
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			c.take(event)
		case a := <-c.asks:
			for room, newest := range a.newest {
				if c.last[room] != newest {
					c.got.behind++
				}
			}
			a.answer <- c.got
			c.got = counts{}
		}
	}
}

func (c *consumer) take(event client.Event) {
	switch e := event.(type) {
	case client.Disconnected:
		for room := range c.last {
			c.away[room] = true
		}
	case client.Conflated:
		c.got.told += int(e.Skipped)
	case client.PriceUpdate:
		price, _ := strconv.Atoi(e.Price.String())
		last, known := c.last[e.Instrument]
		if !e.Snapshot {
			c.got.live++
		}
		switch {
		case !known || c.away[e.Instrument]:
			if known {
				c.got.away += max(0, price-last-1)
			}
			delete(c.away, e.Instrument)
		case price < last, price == last && !e.Snapshot:
			c.got.back++
		default:
			c.got.missed += max(0, price-last-1)
		}
		c.last[e.Instrument] = max(price, last)
	}
}
