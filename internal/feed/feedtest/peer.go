package feedtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/feed"
)

// peer is one connection to a Fake.
type peer struct {
	fake *Fake
	ctx  context.Context // ends with the connection
	end  context.CancelFunc
	acts chan func(context.Context, *websocket.Conn) error // run one after the other

	// Of the goroutine of the exchange:
	sent       uint64 // frames, by which some exchanges number them
	subscribed map[string]bool
	early      map[string][]feed.Frame // acks that wait for data, by symbol
	arrivals   []time.Time             // messages of the client in the last second
}

func newPeer(f *Fake) *peer {
	p := &peer{fake: f, acts: make(chan func(context.Context, *websocket.Conn) error, 4096), subscribed: map[string]bool{}, early: map[string][]feed.Frame{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// run serves the connection until it ends.
func (p *peer) run(ws *websocket.Conn) {
	defer ws.CloseNow()
	defer p.end()
	lifetime := time.Duration(0)
	p.fake.Do(func() {
		p.fake.peers = append(p.fake.peers, p)
		p.send(p.fake.dialect.Greeting()...)
		lifetime = p.fake.manners.Lifetime
	})
	defer p.fake.Do(func() {
		p.fake.peers = slices.DeleteFunc(p.fake.peers, func(other *peer) bool { return other == p })
	})
	if lifetime > 0 {
		defer time.AfterFunc(lifetime, func() { p.close(int(websocket.StatusGoingAway)) }).Stop()
	}
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		defer p.end()
		for {
			kind, data, err := ws.Read(p.ctx)
			if err != nil {
				return
			}
			op := feed.Text
			if kind == websocket.MessageBinary {
				op = feed.Binary
			}
			p.arrived()
			p.fake.Do(func() { p.hear(feed.Frame{Op: op, Data: data}) })
		}
	}()
	for p.ctx.Err() == nil {
		select {
		case act := <-p.acts:
			if act(p.ctx, ws) != nil {
				p.end()
			}
		case <-beat.C:
			p.fake.Do(p.heartbeat)
		case <-p.ctx.Done():
		}
	}
	_ = ws.CloseNow()
	<-reading
}

// act is run when what came before it is sent.
func (p *peer) act(act func(context.Context, *websocket.Conn) error) {
	select {
	case p.acts <- act:
	default: // the client does not read
		p.end()
	}
}

// heartbeat sends what comes while nothing else does.
func (p *peer) heartbeat() {
	if !p.fake.manners.NoPongs && len(p.subscribed) > 0 {
		p.send(p.fake.dialect.Heartbeat()...)
	}
}

// numbered is the next frame of the connection, as it is sent.
func (p *peer) numbered(f feed.Frame) feed.Frame {
	n := p.sent
	p.sent++
	if d, ok := p.fake.dialect.(Counter); ok {
		return d.Number(f, n)
	}
	return f
}

func (p *peer) send(frames ...feed.Frame) {
	for _, f := range frames {
		f = p.numbered(f)
		p.act(func(ctx context.Context, ws *websocket.Conn) error { return ws.Write(ctx, kind(f.Op), f.Data) })
	}
}

func (p *peer) close(code int) {
	p.act(func(_ context.Context, ws *websocket.Conn) error {
		if code == 0 {
			return ws.CloseNow()
		}
		return ws.Close(websocket.StatusCode(code), "says the exchange")
	})
}

func (p *peer) publish(symbol string, prices []feed.Price) {
	if !p.subscribed[symbol] {
		return
	}
	p.send(p.fake.dialect.Prices(symbol, prices)...)
	p.send(p.early[symbol]...)
	delete(p.early, symbol)
}

// arrived counts a message of the client against the limit.
func (p *peer) arrived() {
	now := time.Now()
	p.fake.Do(func() {
		p.arrivals = append(slices.DeleteFunc(p.arrivals, func(t time.Time) bool { return now.Sub(t) >= time.Second }), now)
		if most := p.fake.limits.Messages; most > 0 && len(p.arrivals) > int(most) {
			p.fake.breaches = append(p.fake.breaches, fmt.Sprintf("%d messages within a second", len(p.arrivals)))
			p.close(int(websocket.StatusPolicyViolation))
		}
	})
}

// hear does what the client asks for, as the manners are.
func (p *peer) hear(f feed.Frame) {
	d, m := p.fake.dialect, p.fake.manners
	if _, ok := d.(AckFirst); ok {
		m.AckDelay, m.AckNever, m.DataFirst = 0, false, false
	}
	heard := d.Hear(f)
	if !heard.Ping || !m.NoPongs {
		p.send(heard.Answer...)
	}
	if len(heard.Subscribe) == 0 {
		return
	}
	good, bad := heard.Subscribe, []string(nil)
	if _, unknown := d.Symbols(); !m.AckAll && slices.Contains(good, unknown) {
		good = slices.DeleteFunc(slices.Clone(good), func(s string) bool { return s == unknown })
		bad = []string{unknown}
	}
	granted := good
	answer := d.Ack(f, good)
	if len(bad) > 0 {
		answer, granted = d.Reject(f, good, bad)
	}
	begin := func() {
		for _, s := range granted {
			if p.subscribed[s] {
				continue
			}
			p.subscribed[s] = true
			if past := p.fake.history[s]; len(past) > 0 {
				p.send(d.Snapshot(s, past)...)
			}
		}
	}
	switch {
	case m.AckNever:
		begin()
	case m.DataFirst && len(granted) > 0:
		begin()
		p.early[granted[0]] = answer
	case m.AckDelay > 0:
		begin()
		time.AfterFunc(m.AckDelay, func() { p.fake.Do(func() { p.send(answer...) }) })
	default:
		p.send(answer...)
		if m.AckTwice {
			p.send(answer...)
		}
		begin()
	}
}
