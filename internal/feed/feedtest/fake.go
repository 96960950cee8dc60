// Package feedtest is an exchange for tests: it speaks the dialect of a real one, and behaves as
// well or as badly as the test wants. The contract in this package runs one table of misbehaviours
// against an adapter.
package feedtest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/feed"
)

// Manners are how a Fake behaves. The zero Manners are good ones.
type Manners struct {
	AckDelay  time.Duration
	AckNever  bool
	AckTwice  bool
	DataFirst bool                             // the first live prices come before the ack, as far as there are any
	AckAll    bool                             // also what does not exist
	NoPongs   bool                             // signs of life of the client have no answer, and it sends none of its own
	Answer    func(w http.ResponseWriter) bool // of the next handshakes; false: accept
	Lifetime  time.Duration                    // of a connection; 0: no end
}

// Fake is one exchange. Its methods are safe for concurrent use by multiple goroutines.
type Fake struct {
	dialect feed.Dialect
	limits  feed.Limits
	do      chan func() // run by the goroutine that owns the rest
	ended   chan struct{}

	manners  Manners
	peers    []*peer
	history  map[string][]feed.Price // before the session
	connects []time.Time             // handshakes, refused ones too
	breaches []string                // of the exchange's limits by the client
}

// New starts an exchange, until ctx ends.
func New(ctx context.Context, d feed.Dialect, limits feed.Limits) *Fake {
	f := &Fake{dialect: d, limits: limits, do: make(chan func()), ended: make(chan struct{}), history: map[string][]feed.Price{}}
	go func() {
		defer close(f.ended)
		for {
			select {
			case act := <-f.do:
				act()
			case <-ctx.Done():
				for _, p := range f.peers {
					p.end()
				}
				return
			}
		}
	}()
	return f
}

// Wait returns when the exchange has ended.
func (f *Fake) Wait() { <-f.ended }

// Do calls act in the goroutine that owns the exchange, and returns when it is done.
func (f *Fake) Do(act func()) {
	done := make(chan struct{})
	select {
	case f.do <- func() { defer close(done); act() }:
		<-done
	case <-f.ended:
	}
}

// Behave sets the manners from now on.
func (f *Fake) Behave(m Manners) { f.Do(func() { f.manners = m }) }

// Past sets what was before the session: what a snapshot holds.
func (f *Fake) Past(symbol string, prices []feed.Price) { f.Do(func() { f.history[symbol] = prices }) }

// Connects are the times of all handshakes.
func (f *Fake) Connects() (all []time.Time) {
	f.Do(func() { all = slices.Clone(f.connects) })
	return all
}

// Breaches are the limits of the exchange that the client did not keep.
func (f *Fake) Breaches() (all []string) {
	f.Do(func() { all = slices.Clone(f.breaches) })
	return all
}

// Peers is the number of connections.
func (f *Fake) Peers() (n int) {
	f.Do(func() { n = len(f.peers) })
	return n
}

// Publish sends live prices of a symbol to all that have subscribed to it.
func (f *Fake) Publish(symbol string, prices ...feed.Price) {
	f.each(func(p *peer) { p.publish(symbol, prices) })
}

// Send sends frames to all connections.
func (f *Fake) Send(frames ...feed.Frame) {
	f.each(func(p *peer) { p.send(frames...) })
}

// Pieces sends a frame in continuation frames to all connections.
func (f *Fake) Pieces(frame feed.Frame) {
	f.each(func(p *peer) {
		frame := p.numbered(frame)
		p.act(func(ctx context.Context, ws *websocket.Conn) error {
			w, err := ws.Writer(ctx, kind(frame.Op))
			if err != nil {
				return err
			}
			for piece := range slices.Chunk(frame.Data, 7) {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
			return w.Close()
		})
	})
}

// Ping sends a ping frame to all connections. One that does not give its payload back is closed.
func (f *Fake) Ping() {
	f.each(func(p *peer) {
		p.act(func(ctx context.Context, ws *websocket.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			return ws.Ping(ctx)
		})
	})
}

// Close closes all connections with a code; 0 is without a close frame.
func (f *Fake) Close(code int) {
	f.each(func(p *peer) { p.close(code) })
}

// Drop closes the oldest connection, as Close.
func (f *Fake) Drop(code int) {
	f.Do(func() {
		if len(f.peers) > 0 {
			f.peers[0].close(code)
		}
	})
}

func (f *Fake) each(act func(*peer)) {
	f.Do(func() {
		for _, p := range f.peers {
			act(p)
		}
	})
}

// Web is a dialect of an exchange that is asked over HTTP before it is connected to.
type Web interface {
	// Serve answers a request, or returns false if it is a handshake.
	Serve(w http.ResponseWriter, r *http.Request) bool
}

// Counter is a dialect of an exchange that numbers the frames of a connection.
type Counter interface {
	// Number gives a frame its number, from 0. A frame that cannot have one is returned as it is.
	Number(f feed.Frame, n uint64) feed.Frame
}

// AckFirst is a dialect of an exchange whose data cannot be read without its ack, and so never comes
// before it.
type AckFirst interface{ AckFirst() }

// Lose leaves n numbers of frames out, on all connections.
func (f *Fake) Lose(n uint64) {
	f.each(func(p *peer) { p.sent += n })
}

// ServeHTTP accepts a connection, or answers as the manners say.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d, ok := f.dialect.(Web); ok && d.Serve(w, r) {
		return
	}
	var answer func(http.ResponseWriter) bool
	f.Do(func() {
		f.connects = append(f.connects, time.Now())
		answer = f.manners.Answer
	})
	if answer != nil && answer(w) {
		return
	}
	p := newPeer(f)
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPongReceived: func(context.Context, []byte) {
		if f.limits.Pongs {
			p.arrived()
		}
	}, OnPingReceived: func(context.Context, []byte) bool {
		p.arrived()
		return true
	}})
	if err != nil {
		return // it has answered
	}
	ws.SetReadLimit(feed.MaxFrame)
	p.run(ws)
}

func kind(op feed.Opcode) websocket.MessageType {
	if op == feed.Binary {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}
