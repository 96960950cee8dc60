package chaos

import (
	"errors"
	"testing"
	"time"

	"backbone/client"
)

// producer publishes one instrument to one instance.
type producer struct {
	number     int
	instrument string
	in         *instance
	stream     stream

	// Owned by flow.run while there is a flow, by the test in between.
	sent []sending // tick n is sent[n-1]
}

// sending is what became of a tick.
type sending struct {
	begun time.Time
	done  time.Time // no later was it taken in, if ever; zero: unknown
	acked bool
	life  int64 // of the instance, when begun
}

// flow is a producer at work, in one round.
type flow struct {
	*producer
	t        *testing.T
	ingestor *client.Ingestor
	quit     chan struct{} // closed: no further tick
	ended    chan struct{}
}

func (p *producer) start(t *testing.T) *flow {
	t.Helper()
	ingestor, err := client.DialIngestor(t.Context(), p.in.url(), &client.IngestorOptions{Options: client.Options{BackoffBase: 10 * time.Millisecond, BackoffMax: maxBackoff}})
	if err != nil {
		t.Fatal(err)
	}
	f := &flow{producer: p, t: t, ingestor: ingestor, quit: make(chan struct{}), ended: make(chan struct{})}
	t.Cleanup(f.close)
	go f.run()
	return f
}

// run publishes bursts until it is told to quit or the ingestor is closed.
func (f *flow) run() {
	defer close(f.ended)
	for {
		after, quotes := f.stream.burst(f.number, len(f.sent)+1)
		select {
		case <-f.quit:
			return
		case <-time.After(after):
		}
		first, pending := len(f.sent), make([]*client.Pending, 0, len(quotes))
		for _, q := range quotes {
			f.sent = append(f.sent, sending{begun: time.Now(), life: f.in.life.Load()})
			p, err := f.ingestor.PublishAsync(f.t.Context(), client.PriceUpdate{Instrument: f.instrument, Price: q.price, TS: q.ts})
			if err != nil {
				return
			}
			pending = append(pending, p)
		}
		for i, p := range pending {
			err := p.Wait(f.t.Context())
			if refused, ok := errors.AsType[*client.RequestError](err); ok {
				f.t.Errorf("%s refuses a tick of %s: %v", f.in.name, f.instrument, refused)
			}
			if err != nil && !errors.Is(err, client.ErrConnectionLost) {
				return
			}
			f.sent[first+i].done, f.sent[first+i].acked = time.Now(), err == nil
		}
	}
}

// wait returns when the answers to all ticks have come.
func (f *flow) wait() {
	f.t.Helper()
	select {
	case <-f.ended:
	case <-time.After(patience):
		f.t.Fatalf("%s has not answered a producer of %s for %v", f.in.name, f.instrument, patience)
	}
}

// close ends the flow. What was not sent yet never will be.
func (f *flow) close() {
	_ = f.ingestor.Close() // what was answered is known
	<-f.ended
}

// last is the highest tick that was answered by the process that still runs, 0 for none.
func (p *producer) last() int {
	for n := len(p.sent); n > 0; n-- {
		if s := p.sent[n-1]; s.acked && s.life == p.in.life.Load() && p.in.run != nil {
			return n
		}
	}
	return 0
}
