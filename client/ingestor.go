package client

import (
	"context"
	"fmt"
	"time"

	"backbone/protocol"
)

// Ingestor publishes events. Its methods are safe for concurrent use by multiple
// goroutines; the events of one goroutine keep their order. It connects again by itself
// until it is closed or the server refuses it.
//
// Every event is sent at most once. One that is queued when the connection breaks goes
// out on the next, before later ones; one that was written is never repeated, whether
// it arrived or not. While there is no connection the queue (Options.SendQueue) fills,
// and then calls block until their context ends: give one with a deadline where a late
// price is worse than none.
type Ingestor struct {
	s *session
}

// DialIngestor connects an ingestor to the server at url; the path /ws/ingest is added
// where the URL has none. All else is as in [Dial]. Options.APIKey carries the key.
func DialIngestor(ctx context.Context, url string, opt *IngestorOptions) (*Ingestor, error) {
	s, err := open(ctx, url, protocol.PathIngest, opt.settings())
	if err != nil {
		return nil, err
	}
	return &Ingestor{s: s}, nil
}

// Publish queues u and returns; it is written as soon as those before it are. An invalid u
// is a *[RequestError] and is not sent. A rejection by the server goes to
// IngestorOptions.OnEvent, and a Disconnected there means that events written before may
// be lost. See Flush and PublishAck for certainty.
func (p *Ingestor) Publish(ctx context.Context, u PriceUpdate) error {
	if err := checkUpdate(&u); err != nil {
		return err
	}
	return p.s.enqueue(ctx, request{data: appendUpdate(make([]byte, 0, smallUpdate), &u, 0)})
}

// PublishBatch is Publish for each of us, in order, in as few messages as the size
// limit allows. If one is invalid none is sent, and the *[RequestError] has its Index.
// If ctx ends on the way, the first of the messages may be sent. In a rejection by the
// server, Index counts within the message.
func (p *Ingestor) PublishBatch(ctx context.Context, us []PriceUpdate) error {
	for i := range us {
		if err := checkUpdate(&us[i]); err != nil {
			err.Index = i
			return err
		}
	}
	var data []byte
	flush := func() error {
		r := request{data: append(data, ']')}
		data = nil
		return p.s.enqueue(ctx, r)
	}
	for i := range us {
		if len(data) > protocol.MaxMessageBytes-maxUpdateBytes-len(us[i].Data)-2 {
			if err := flush(); err != nil {
				return err
			}
		}
		if data == nil {
			data = append(make([]byte, 0, min(len(us)*smallUpdate, protocol.MaxMessageBytes)), '[')
		} else {
			data = append(data, ',')
		}
		data = appendUpdate(data, &us[i], 0)
	}
	if data == nil {
		return nil
	}
	return flush()
}

// PublishAck publishes u and waits until the server has acknowledged it. The error is a
// *[RequestError] (rejected), or it wraps [ErrConnectionLost] (fate unknown), or the cause
// of ctx's end.
func (p *Ingestor) PublishAck(ctx context.Context, u PriceUpdate) error {
	if err := checkUpdate(&u); err != nil {
		return err
	}
	_, err := p.s.do(ctx, func(c *call) []byte { return appendUpdate(make([]byte, 0, smallUpdate), &u, c.id) })
	return err
}

// PublishAsync queues u and returns; Pending.Wait waits for the acknowledgement. It blocks
// only while Options.MaxInFlight requests are unanswered or the queue is full.
func (p *Ingestor) PublishAsync(ctx context.Context, u PriceUpdate) (*Pending, error) {
	if err := checkUpdate(&u); err != nil {
		return nil, err
	}
	return p.async(ctx, func(c *call) []byte { return appendUpdate(make([]byte, 0, smallUpdate), &u, c.id) })
}

func (p *Ingestor) async(ctx context.Context, build func(*call) []byte) (*Pending, error) {
	c, err := p.s.begin(ctx, build)
	if err != nil {
		return nil, err
	}
	return &Pending{s: p.s, c: c}, nil
}

// Pending is an event that was published and may not be acknowledged yet. Wait is safe for
// concurrent use by multiple goroutines, and may be called again.
type Pending struct {
	s *session
	c *call
}

// Wait returns the error that PublishAck would. The end of ctx ends only the wait.
func (w *Pending) Wait(ctx context.Context) error {
	_, err := w.s.await(ctx, w.c)
	return err
}

// Flush waits until the server has handled everything that this goroutine published
// before, and OnEvent was called for each rejection. It vouches for the connection in
// use alone: events written to one that broke before are not covered (OnEvent had a
// Disconnected), and if this one breaks the error wraps [ErrConnectionLost].
func (p *Ingestor) Flush(ctx context.Context) error {
	// A server may answer a ping before events that came with it, so the first pong tells
	// only that it has read them. It reads the second ping when it is done with them.
	for range 2 {
		if _, err := p.s.roundTrip(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Ping asks the server for a sign of life and returns how long it took, waiting in
// both queues included.
func (p *Ingestor) Ping(ctx context.Context) (time.Duration, error) { return p.s.roundTrip(ctx) }

// Err is why the Ingestor ended: nil while it lives and after Close, otherwise an error
// that wraps ErrRefused.
func (p *Ingestor) Err() error { return p.s.err() }

// flushTimeout bounds the Flush within Close.
const flushTimeout = 5 * time.Second

// Close flushes, for at most five seconds, and ends the Ingestor; it returns when no
// goroutine of it is left. An error says that events published before may not have
// reached the server. It may be called more than once, but not from OnEvent.
func (p *Ingestor) Close() error {
	var err error
	if p.s.up.Load() && p.s.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		err = p.Flush(ctx)
	}
	unsent := p.CloseNow()
	if err == nil {
		err = unsent
	}
	return err
}

// CloseNow is Close without the flush: queued messages are still written if that takes no
// longer than two seconds, but no reply is waited for.
func (p *Ingestor) CloseNow() error {
	p.s.close()
	if p.s.unsent > 0 {
		return fmt.Errorf("client: %d queued messages were not sent: %w", p.s.unsent, ErrConnectionLost)
	}
	return nil
}
