package chaos

import (
	"maps"
	"testing"
	"time"

	"backbone/client"
)

// consumer is a connection that is in all rooms, and checks what it hears.
type consumer struct {
	t    *testing.T
	name string
	in   *instance
	conn *client.Conn
	asks chan chan view

	// Owned by run.
	view
}

// view is what a consumer knows.
type view struct {
	breaks int       // lost connections and failed attempts so far
	since  time.Time // when the rooms of the connection were joined again; zero: it has not been lost
	stays  map[string]stay
}

// stay is what a consumer heard of a room on the connection that it has.
type stay struct {
	held          tick
	live, skipped int
	seen          map[int]int // highest tick by producer
}

// maxBackoff keeps the SDK's patience from becoming part of what is measured.
const maxBackoff = 200 * time.Millisecond

func consume(t *testing.T, name string, in *instance, wishes client.JoinOptions) *client.Conn {
	t.Helper()
	opt := &client.ConnOptions{Options: client.Options{BackoffBase: 10 * time.Millisecond, BackoffMax: maxBackoff}, Buffer: 1 << 14}
	conn, err := client.Dial(t.Context(), in.url(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.JoinWith(t.Context(), wishes, instruments...); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return conn
}

func newConsumer(t *testing.T, name string, in *instance) *consumer {
	t.Helper()
	c := &consumer{t: t, name: name, in: in, asks: make(chan chan view), view: view{stays: map[string]stay{}}}
	c.conn = consume(t, name, in, client.JoinOptions{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run()
	}()
	t.Cleanup(func() {
		_ = c.conn.Close() // always nil
		<-ended
	})
	return c
}

func (c *consumer) run() {
	for {
		select {
		case e, ok := <-c.conn.Events():
			if !ok {
				return
			}
			c.hear(e)
		case reply := <-c.asks:
			v := c.view
			v.stays = map[string]stay{}
			for room, s := range c.stays {
				s.seen = maps.Clone(s.seen)
				v.stays[room] = s
			}
			reply <- v
		}
	}
}

// look returns what the consumer knows by now.
func (c *consumer) look() view {
	reply := make(chan view, 1)
	c.asks <- reply
	return <-reply
}

func (c *consumer) hear(e client.Event) {
	switch e := e.(type) {
	case client.PriceUpdate:
		k, err := tickOf(e.Price)
		if err != nil {
			c.t.Errorf("%s: %v", c.name, err)
			return
		}
		s := c.stays[e.Instrument]
		if s.seen == nil {
			s.seen = map[int]int{}
		}
		if k.number <= s.seen[k.producer] {
			c.t.Errorf("%s: %s went back: %v (snapshot %v) after %d, it held %v", c.name, e.Instrument, k, e.Snapshot, s.seen[k.producer], s.held)
		}
		s.held, s.seen[k.producer] = k, k.number
		if !e.Snapshot {
			s.live++
		}
		c.stays[e.Instrument] = s
	case client.Conflated:
		s := c.stays[e.Room]
		s.skipped += int(e.Skipped)
		c.stays[e.Room] = s
	case client.Connected:
	case client.Disconnected:
		c.breaks++
		c.since, c.stays = time.Time{}, map[string]stay{}
	case client.Rejoined:
		c.since = time.Now()
		if len(e.Rejected) > 0 || len(e.Rooms) != len(instruments) {
			c.t.Errorf("%s is no longer in all rooms: %+v", c.name, e)
		}
	default:
		c.t.Errorf("%s heard %#v", c.name, e)
	}
}
