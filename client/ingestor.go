package client

import (
	"context"
	"fmt"
	"time"

	"backbone/internal/awake"
	"backbone/protocol"
)

// Ingestor publishes events. Its methods are safe for concurrent use by multiple
// goroutines; the events of one goroutine keep their order. It connects again by itself
// until it is closed or the server refuses it at the first connection.
//
// Every event is sent at most once. An event that was written is never repeated, whether it arrived
// or not. While there is no connection [IngestorOptions].Outage says what is kept for the next one: by
// default of each instrument the newest price. What is kept is sent before later events. While a
// connection does not take what is published, the queue (Options.SendQueue) fills, and then calls
// block until their context ends.
type Ingestor struct {
	s *session
}

// DialIngestor connects an ingestor to the server at url. The path /ws/ingest is put
// behind that of the URL. Options.APIKey carries the key. In everything else it works like [Dial].
func DialIngestor(ctx context.Context, url string, opt *IngestorOptions) (*Ingestor, error) {
	s, err := open(ctx, url, protocol.PathIngest, opt.settings())
	if err != nil {
		return nil, err
	}
	return &Ingestor{s: s}, nil
}

// Publish queues u and returns; u is written once the messages before it are. If u is invalid,
// the error is a *[RequestError], and u is not sent. If the server refuses u, it says so to
// IngestorOptions.OnEvent. A Disconnected there means that events written before may be lost.
// Flush and PublishAck give certainty.
func (p *Ingestor) Publish(ctx context.Context, u PriceUpdate) error {
	if err := p.check(&u); err != nil {
		return err
	}
	return p.s.enqueue(ctx, request{data: appendUpdate(make([]byte, 0, smallUpdate), &u, 0), events: 1})
}

// PublishBatch publishes each element of us like Publish, in order, in as few messages as the
// size limit allows. If one is invalid none is sent, and the *[RequestError] has its Index. If
// ctx ends meanwhile, some messages may have been sent already. In a *RequestError from the
// server, Index is the position within the message.
func (p *Ingestor) PublishBatch(ctx context.Context, us []PriceUpdate) error {
	for i := range us {
		if err := p.check(&us[i]); err != nil {
			err.Index = i
			return err
		}
	}
	var data []byte
	events := 0
	flush := func() error {
		r := request{data: append(data, ']'), events: events}
		data, events = nil, 0
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
		events++
	}
	if data == nil {
		return nil
	}
	return flush()
}

// PublishAck publishes u and waits until the server has acknowledged it. The error is a
// *[RequestError] if u was refused. It wraps [ErrConnectionLost] if the fate of u is unknown,
// [ErrLeftOut] if u was not sent because there was no connection, and the cause of ctx if ctx ended.
func (p *Ingestor) PublishAck(ctx context.Context, u PriceUpdate) error {
	if err := p.check(&u); err != nil {
		return err
	}
	return p.ack(ctx, func(c *call) []byte { return appendUpdate(make([]byte, 0, smallUpdate), &u, c.id) })
}

// PublishAsync queues u and returns; Pending.Wait waits for the acknowledgement. PublishAsync
// blocks only while Options.MaxInFlight requests have no reply or the queue is full. Events that are
// kept while there is no connection have no reply: see [Outage].
func (p *Ingestor) PublishAsync(ctx context.Context, u PriceUpdate) (*Pending, error) {
	if err := p.check(&u); err != nil {
		return nil, err
	}
	return p.async(ctx, func(c *call) []byte { return appendUpdate(make([]byte, 0, smallUpdate), &u, c.id) })
}

// Retire says that an instrument has no price any more, and waits until the server has acknowledged it:
// consumers are told with a [Retired], and who joins later gets no last price, on all instances. A price
// that is published later brings the instrument back. The error is that of [Ingestor.PublishAck].
func (p *Ingestor) Retire(ctx context.Context, instrument string) error {
	if fault := protocol.RoomFault(instrument); fault != "" {
		return invalid(protocol.CodeInvalidRoom, "instrument: %q %s", clip(instrument), fault)
	}
	data := []byte(`{"type":"` + protocol.TypeRetire + `","instrument":"` + instrument + `"}`)
	return p.ack(ctx, func(c *call) []byte { return withID(data, c.id) })
}

// PublishJSON is [Ingestor.Publish] for an event of any type that the server knows. event is
// encoded by encoding/json, so it may be a struct, a map or a json.RawMessage. The result must
// be an object with a "type" and without an "id", because the client sets the id. If event
// cannot be encoded, or is not such an object, the error is a *[RequestError], and nothing is
// sent. The server checks the other fields.
func (p *Ingestor) PublishJSON(ctx context.Context, event any) error {
	data, err := encodeEvent(event)
	if err != nil {
		return err
	}
	return p.s.enqueue(ctx, request{data: data, events: 1})
}

// PublishJSONAck is [Ingestor.PublishAck] for an event of any type; see PublishJSON.
func (p *Ingestor) PublishJSONAck(ctx context.Context, event any) error {
	data, err := encodeEvent(event)
	if err != nil {
		return err
	}
	return p.ack(ctx, func(c *call) []byte { return withID(data, c.id) })
}

// PublishJSONAsync is [Ingestor.PublishAsync] for an event of any type; see PublishJSON.
func (p *Ingestor) PublishJSONAsync(ctx context.Context, event any) (*Pending, error) {
	data, err := encodeEvent(event)
	if err != nil {
		return nil, err
	}
	return p.async(ctx, func(c *call) []byte { return withID(data, c.id) })
}

// check is checkUpdate, and counts what is refused.
func (p *Ingestor) check(u *PriceUpdate) *RequestError {
	err := checkUpdate(u)
	if err != nil && p.s != nil { // the zero Ingestor checks too
		p.s.counts.refused.Add(1)
	}
	return err
}

// ack sends one event, and waits for its acknowledgement.
func (p *Ingestor) ack(ctx context.Context, build func(*call) []byte) error {
	_, err := p.s.do(ctx, func(c *call) []byte {
		c.event = true
		return build(c)
	})
	return err
}

func (p *Ingestor) async(ctx context.Context, build func(*call) []byte) (*Pending, error) {
	c, err := p.s.begin(ctx, func(c *call) []byte {
		c.stays, c.event = true, true
		return build(c)
	})
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

// Wait returns the error that PublishAck would return. The end of ctx ends only the wait.
func (w *Pending) Wait(ctx context.Context) error {
	_, err := w.s.await(ctx, w.c)
	return err
}

// Flush waits until the server has handled everything that this goroutine published before,
// and OnEvent was called for each refused event. Flush covers only the current connection.
// Events written to an earlier connection are not covered; OnEvent got a Disconnected for it.
// If the current connection breaks, the error wraps [ErrConnectionLost].
func (p *Ingestor) Flush(ctx context.Context) error {
	// A server may reply to a ping before it has handled the events that came with it, so the
	// first pong says only that it has read them. It reads the second ping after handling them.
	for range 2 {
		if _, err := p.s.roundTrip(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Ping asks the server for a reply and returns how long that took. The time includes the wait
// in both queues.
func (p *Ingestor) Ping(ctx context.Context) (time.Duration, error) { return p.s.roundTrip(ctx) }

// Err returns why the Ingestor ended. It is nil while the Ingestor lives and after Close, and
// otherwise wraps ErrRefused.
func (p *Ingestor) Err() error { return p.s.err() }

// flushTimeout bounds the Flush within Close.
const flushTimeout = 5 * time.Second

// Close flushes for at most five seconds and ends the Ingestor. It returns when none of its
// goroutines is left. An error says that events published before may not have reached the
// server. Close may be called more than once, but not from OnEvent.
func (p *Ingestor) Close() error {
	var err error
	if p.Connected() && p.s.ctx.Err() == nil {
		ctx, cancel := awake.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		err = p.Flush(ctx)
	}
	unsent := p.CloseNow()
	if err == nil {
		err = unsent
	}
	return err
}

// CloseNow is Close without the flush. It still writes queued messages for up to two seconds,
// but waits for no reply.
func (p *Ingestor) CloseNow() error {
	p.s.close()
	if p.s.unsent > 0 {
		return fmt.Errorf("client: %d queued messages were not sent: %w", p.s.unsent, ErrConnectionLost)
	}
	return nil
}
