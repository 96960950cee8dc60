package server_test

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/proctest"
	"backbone/internal/redistest"
	"backbone/protocol"
)

// upstreamOf makes an edge.
func upstreamOf(urls ...string) func(*config.Serve) {
	return func(c *config.Serve) { c.Upstream = urls }
}

// edge starts an edge and waits until it is connected.
func edge(t testing.TB, url string, change ...func(*config.Serve)) *instance {
	t.Helper()
	e := start(t, append(change, upstreamOf(url))...)
	e.bridgeState("ok")
	return e
}

// wires joins a room with all that can be asked for, and returns what comes of it, text by text but
// for replies and heartbeats. Ages of snapshots, which grow on the way, are N.
func (in *instance) wires(room string) <-chan string {
	in.t.Helper()
	texts := make(chan string, 1<<16)
	age := regexp.MustCompile(`"age_ms":\d+`)
	c, err := client.Dial(in.t.Context(), in.URL(), &client.ConnOptions{OnMessage: func(message []byte) bool {
		text := string(message)
		if strings.HasPrefix(text, `{"type":"joined"`) || strings.HasPrefix(text, `{"type":"heartbeat"`) || strings.HasPrefix(text, `{"type":"status"`) {
			return false
		}
		texts <- age.ReplaceAllString(text, `"age_ms":N`)
		return true
	}})
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	if err := c.JoinWith(in.t.Context(), client.JoinOptions{MarkEmpty: true, Status: true, Stamp: true}, room); err != nil {
		in.t.Fatal(err)
	}
	return texts
}

// What comes at an edge is what comes upstream, byte by byte: snapshots, live prices, stamps, and
// that there is none; also at an edge of an edge.
func TestAnEdgePassesOnWhatUpstreamSends(t *testing.T) {
	const n = 2000
	core := start(t, lossless)
	first := edge(t, core.URL(), lossless)
	second := edge(t, first.URL(), lossless)
	p := core.ingestor()
	publish(t, p, "OLD", 1, 3)
	for _, room := range []string{"NEW", "OLD"} {
		var all []<-chan string
		for _, in := range []*instance{core, first, second} {
			all = append(all, in.wires(room))
		}
		compare := func(what string) {
			t.Helper()
			want := <-all[0]
			for i, name := range []string{"the edge", "the edge of the edge"} {
				select {
				case got := <-all[1+i]:
					if got != want {
						t.Fatalf("%s: %s sends\n%s\nand upstream\n%s", what, name, got, want)
					}
				case <-time.After(patience):
					t.Fatalf("%s: %s sends nothing", what, name)
				}
			}
		}
		compare("at the join")
		data := client.PriceUpdate{Instrument: room, Price: "1.10e-7", TS: 1<<63 - 1, Data: []byte(`{"a":[1,{"b":"\u00e9 é"}], "a":2}`)}
		if err := p.Publish(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		publish(t, p, room, 1, n)
		for i := range n + 1 {
			compare(fmt.Sprintf("live price %d", i))
		}
		// Who comes now starts warm from what the edge knows.
		for i, in := range []*instance{core, first, second} {
			all[i] = in.wires(room)
		}
		compare("at a later join")
	}
}

// An edge takes no events, and says where to send them. What members of a room say upstream comes.
func TestAnEdgeTakesNoEvents(t *testing.T) {
	core := start(t)
	e := edge(t, core.URL())
	_, err := client.DialIngestor(t.Context(), e.URL(), nil)
	if !errors.Is(err, client.ErrRefused) || !strings.Contains(err.Error(), "this instance is an edge and takes no events: publish to "+core.URL()) {
		t.Errorf("an ingestor is told: %v", err)
	}
	here := e.consume("lobby")
	err = here.Send(t.Context(), "lobby", "hello")
	if refused, ok := errors.AsType[*client.RequestError](err); !ok || refused.Code != protocol.CodeForbidden || !strings.Contains(err.Error(), core.URL()) {
		t.Errorf("a member is told: %v", err)
	}
	core.eventually("the edge has joined the room", core.joined)
	there := core.consume("lobby")
	const text = "hello \"\\ \u2028 \x01 <é>"
	if err := there.Send(t.Context(), "lobby", text); err != nil {
		t.Fatal(err)
	}
	late := time.After(patience)
	for {
		select {
		case ev := <-here.Events():
			if m, ok := ev.(client.ChatMessage); ok {
				if m.Text != text || m.Room != "lobby" {
					t.Errorf("got %+v", m)
				}
				return
			}
		case <-late:
			t.Fatal("the message does not come")
		}
	}
}

// A lost line to upstream costs what was published meanwhile, and the count says exactly how much.
func TestAnEdgeCountsWhatALostLineCost(t *testing.T) {
	core := start(t, lossless)
	proxy := redistest.NewProxyTo(t, core.Addr().String())
	e := edge(t, "ws://"+proxy.Addr(), lossless)
	p := core.ingestor()
	publish(t, p, "BTC_USDT", 1, 1)
	c := e.consume("BTC_USDT")
	got := listen(t, c, func(g tally) bool { return g.last == 1 })
	publish(t, p, "BTC_USDT", 2, 100)
	got = listenFrom(t, c, got, func(g tally) bool { return g.last == 100 })
	for last := 100; last < 500; last += 100 {
		proxy.Cut()
		e.bridgeState("degraded")
		publish(t, p, "BTC_USDT", last+1, last+50)
		proxy.Mend()
		got = listenFrom(t, c, got, func(g tally) bool { return g.last == last+50 }) // without a new tick
		e.bridgeState("ok")
		publish(t, p, "BTC_USDT", last+51, last+100)
		got = listenFrom(t, c, got, func(g tally) bool { return g.last == last+100 })
		if got.live+got.skipped != last+99 { // the first was a snapshot
			t.Fatalf("of %d prices: %+v", last+99, got)
		}
	}
	if got.skipped != 4*50 {
		t.Errorf("got %+v, want 200 skipped", got)
	}
}

// A line to upstream that is too slow is conflated there, as that of any consumer, and consumers of
// the edge are told how much.
func TestAnEdgeOnASlowLine(t *testing.T) {
	core := start(t)
	proxy := redistest.NewProxyTo(t, core.Addr().String())
	e := edge(t, "ws://"+proxy.Addr(), lossless)
	p := core.ingestor()
	publish(t, p, "BTC_USDT", 1, 1)
	c := e.consume("BTC_USDT")
	got := listen(t, c, func(g tally) bool { return g.last == 1 })
	n := 1
	proxy.Delay(700 * time.Millisecond)
	core.eventually("upstream leaves prices out", func() bool {
		publish(t, p, "BTC_USDT", n+1, n+1000)
		n += 1000
		return !strings.Contains(core.metrics(), "\nbackbone_undelivered_total{reason=\"conflated\"} 0\n")
	})
	proxy.Whole()
	publish(t, p, "BTC_USDT", n+1, n+1)
	n++
	got = listenFrom(t, c, got, func(g tally) bool { return g.last == n })
	if got.live+got.skipped != n-1 || got.skipped == 0 { // the first was a snapshot
		t.Errorf("of %d prices: %+v", n-1, got)
	}
}

// An upstream that is replaced by one that is behind takes nothing back, and when that has caught up,
// or has prices of its own, the edge has them.
func TestAnEdgeMovesToAnInstanceThatIsBehind(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis)
	a := start(t, withRedis(redis.URL()), lossless)
	b := start(t, withRedis(proxy.URL()), lossless)
	a.bridgeState("ok")
	b.bridgeState("ok")
	e := start(t, lossless, upstreamOf(a.URL(), b.URL()))
	e.bridgeState("ok")
	pa, pb := a.ingestor(), b.ingestor()
	here, there := e.consume("BTC_USDT", "ETH_USDT"), b.consume("BTC_USDT", "ETH_USDT")
	publish(t, pa, "BTC_USDT", 1, 100)
	publish(t, pb, "ETH_USDT", 1, 100)
	h, w := newTallies(t, here), newTallies(t, there)
	h.until("BTC_USDT", 100)
	h.until("ETH_USDT", 100)
	w.until("BTC_USDT", 100)
	proxy.HalfOpen() // b is behind from now on
	publish(t, pa, "BTC_USDT", 101, 200)
	h.until("BTC_USDT", 200)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	e.bridgeState("degraded") // a is gone, or b says that it hears nobody
	publish(t, pb, "ETH_USDT", 101, 200)
	h.until("ETH_USDT", 200)
	if got := w.of["BTC_USDT"].last; got != 100 {
		t.Fatalf("b is not behind, but at %d", got)
	}
	proxy.Whole()
	w.until("BTC_USDT", 200)
	e.bridgeState("ok")
	publish(t, pb, "BTC_USDT", 201, 300) // in another epoch
	h.until("BTC_USDT", 300)
}

// tallies are what a consumer heard of its rooms.
type tallies struct {
	t  *testing.T
	c  *client.Conn
	of map[string]*tally
}

func newTallies(t *testing.T, c *client.Conn) *tallies {
	return &tallies{t, c, map[string]*tally{}}
}

// until takes events until the room is at a price.
func (s *tallies) until(room string, last int) {
	s.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for s.of[room] == nil || s.of[room].last != last {
		select {
		case ev, ok := <-s.c.Events():
			if !ok {
				s.t.Fatalf("the connection ended: %v", s.c.Err())
			}
			s.take(ev)
		case <-late.C:
			s.t.Fatalf("%s is not at %d: %+v", room, last, s.of[room])
		}
	}
}

func (s *tallies) take(ev client.Event) {
	room := ""
	switch e := ev.(type) {
	case client.PriceUpdate:
		room = e.Instrument
	case client.Conflated:
		room = e.Room
	}
	if s.of[room] == nil {
		s.of[room] = &tally{}
	}
	s.of[room].take(s.t, ev)
}

// An upstream that starts anew has other epochs and no prices. Members keep theirs, and go on.
func TestAnEdgeOutlivesItsUpstream(t *testing.T) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(proctest.FreePort(t))) // nobody takes it while there is no core
	core := start(t, func(c *config.Serve) { c.Listen = address })
	e := edge(t, core.URL(), lossless, func(c *config.Serve) { c.LastPriceTTL = time.Minute })
	statuses := make(chan bool, 100)
	watcher, err := client.Dial(t.Context(), e.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	go func() {
		for ev := range watcher.Events() {
			if s, ok := ev.(client.BridgeStatus); ok {
				statuses <- s.OK
			}
		}
	}()
	if err := watcher.JoinWith(t.Context(), client.JoinOptions{Status: true}, "BTC_USDT"); err != nil {
		t.Fatal(err)
	}
	c := e.consume("BTC_USDT")
	publish(t, core.ingestor(), "BTC_USDT", 1, 10)
	got := listen(t, c, func(g tally) bool { return g.last == 10 })
	if err := core.Stop(); err != nil {
		t.Fatal(err)
	}
	e.bridgeState("degraded")
	if _, body := e.get(protocol.PathReady); !strings.Contains(body, `"bridge":"degraded"`) || !strings.Contains(body, `"upstream":"away"`) || !strings.Contains(body, `"status":"ready"`) {
		t.Errorf("/readyz says %s", body)
	}
	if late := listen(t, e.consume("BTC_USDT"), func(g tally) bool { return g.last == 10 }); late.snapshots != 1 {
		t.Errorf("who comes meanwhile gets %+v", late)
	}
	core = start(t, func(c *config.Serve) { c.Listen = address })
	e.bridgeState("ok")
	for _, want := range []bool{true, false, true} {
		if got := <-statuses; got != want {
			t.Errorf("the status is told as %t, want %t", got, want)
		}
	}
	publish(t, core.ingestor(), "BTC_USDT", 11, 20)
	listenFrom(t, c, got, func(g tally) bool { return g.last == 20 })
}

// A consumer that stalls at an edge gets the exact count, and costs upstream and others nothing.
func TestASlowConsumerOfAnEdge(t *testing.T) {
	const n = 10_000
	core := start(t, lossless)
	e := edge(t, core.URL())
	slow, err := client.Dial(t.Context(), e.URL(), &client.ConnOptions{Buffer: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.Join(t.Context(), "BTC_USDT"); err != nil {
		t.Fatal(err)
	}
	quick := e.consume("BTC_USDT")
	core.eventually("the edge is in the room", core.joined)
	published := make(chan struct{})
	p := core.ingestor()
	go func() {
		defer close(published)
		publish(t, p, "BTC_USDT", 1, n)
	}()
	all := func(g tally) bool { return g.live+g.skipped == n }
	listen(t, quick, all)
	<-published
	if got := listen(t, slow, all); got.skipped == 0 || got.last != n {
		t.Errorf("the slow one got %+v", got)
	}
}

// joined reports whether somebody has joined a room here.
func (in *instance) joined() bool {
	return strings.Contains(in.metrics(), "\nbackbone_rooms 1\n")
}

// A thousand rooms come with few requests, and all have their prices.
func TestAnEdgeOfAThousandRooms(t *testing.T) {
	const rooms = 1000
	core := start(t, lossless)
	e := edge(t, core.URL(), lossless)
	p := core.ingestor()
	var names []string
	for i := range rooms {
		names = append(names, fmt.Sprintf("R%d", i))
		if err := p.Publish(t.Context(), price(names[i], 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := e.consume(names...)
	got := newTallies(t, c)
	for _, name := range names {
		got.until(name, 1)
	}
	for _, name := range names {
		if err := p.Publish(t.Context(), price(name, 2)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		got.until(name, 2)
		if g := got.of[name]; g.snapshots != 1 || g.live != 1 || g.skipped != 0 {
			t.Fatalf("%s: %+v", name, *g)
		}
	}
}

// An edge of itself is connected to nobody who has prices. It says nothing over and over.
func TestAnEdgeOfItself(t *testing.T) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(proctest.FreePort(t)))
	e := start(t, func(c *config.Serve) { c.Listen = address }, upstreamOf("ws://"+address))
	e.bridgeState("ok")
	c, err := client.Dial(t.Context(), e.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(t.Context(), client.JoinOptions{MarkEmpty: true, Status: true}, "BTC_USDT"); err != nil {
		t.Fatal(err)
	}
	var came atomic.Int64
	over := time.After(3 * time.Second)
	for {
		select {
		case <-c.Events():
			came.Add(1)
			continue
		case <-over:
		}
		break
	}
	if s := e.Ingest().Stats(); came.Load() > 20 || s.Remote > 20 {
		t.Errorf("%d events came to the consumer, and %d to ingest", came.Load(), s.Remote)
	}
}
