package client

import (
	"bytes"
	"container/list"
	"encoding/json"
	"errors"
	"fmt"

	"backbone/protocol"
)

// Outage says what becomes of events that are published, or not yet written, while an Ingestor has
// no connection. Calls other than those that wait for an acknowledgement return at once then. What
// is left out is counted in a [LeftOut].
type Outage int

const (
	// KeepNewest keeps the newest price of each instrument for the next connection. An older one
	// is left out, so that nobody hears it as news. Events of other types are all kept.
	KeepNewest Outage = iota
	// KeepAll keeps every event. Consumers then receive prices that are as old as the outage was
	// long, and take the last of them for the newest.
	KeepAll
	// DropAll keeps nothing. It is for producers that publish what others publish, too.
	DropAll
)

// ErrLeftOut is wrapped by the error of an acknowledged event that was never sent, because the
// Ingestor had no connection: see [Outage].
var ErrLeftOut = errors.New("left out")

// LeftOut says how many events an Ingestor did not send because it had no connection. It comes behind
// the Connected of the next connection, or at the end.
type LeftOut struct {
	Conflated uint64 // a newer price of their instrument took their place
	Dropped   uint64 // IngestorOptions.OutageBuffer was full, or Outage is DropAll
}

func (LeftOut) event() {}

// heldOverhead is what a message costs beyond its bytes while it waits for a connection.
const heldOverhead = 256

// kept is the requests that wait for the next connection of an Ingestor. hold owns it, and while
// there is a connection the writer.
type kept struct {
	outage Outage
	limit  int // bytes
	settle func(*call, error)

	queue  list.List                // of *held, in order
	newest map[string]*list.Element // prices of the queue by instrument, for KeepNewest
	bytes  int
	left   LeftOut
}

func newKept(outage Outage, limit int, settle func(*call, error)) *kept {
	return &kept{outage: outage, limit: limit, settle: settle, newest: map[string]*list.Element{}}
}

// held is a request that waits.
type held struct {
	request
	events     int    // 0: it is none
	instrument string // of a price that a newer one replaces, else empty
}

// hold keeps what is queued until the function that it returns is called, so that the queue does not
// fill up with what is old while there is no connection.
func (s *session) hold() (stop func()) {
	if s.kept == nil {
		return func() {}
	}
	if s.next.data != nil {
		s.kept.take(s.next)
		s.next = request{}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case r := <-s.out:
				s.kept.take(r)
			case <-quit:
				for range len(s.out) { // they were published before the connection came
					s.kept.take(<-s.out)
				}
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// take keeps a request, or what of it is to be kept.
func (k *kept) take(r request) {
	if bytes.HasPrefix(r.data, []byte(`{"type":"`+protocol.TypePing+`"`)) {
		k.queue.PushBack(&held{request: r}) // there are no more than calls in flight
		return
	}
	var batch []json.RawMessage
	if r.data[0] == '[' && json.Unmarshal(r.data, &batch) != nil {
		panic("client: a batch that this package made is not JSON")
	}
	switch {
	case k.outage == DropAll:
		k.giveUp(r, max(1, len(batch)), &k.left.Dropped, "there is no connection")
	case k.outage == KeepAll || batch == nil:
		k.keep(r, max(1, len(batch)))
	default:
		for _, event := range batch {
			k.keep(request{data: bytes.Clone(event)}, 1)
		}
	}
}

// keep puts a request at the end of the queue.
func (k *kept) keep(r request, events int) {
	h := &held{request: r, events: events}
	if k.outage == KeepNewest {
		h.instrument = instrumentOf(r.data)
		if older := k.newest[h.instrument]; older != nil { // of an event of another type there is none
			k.leaveOut(older, &k.left.Conflated, "a newer price of the instrument was published while there was no connection")
		}
	}
	e := k.queue.PushBack(h)
	if h.instrument != "" {
		k.newest[h.instrument] = e
	}
	k.bytes += len(r.data) + heldOverhead
	for oldest := k.queue.Front(); k.bytes > k.limit; {
		next := oldest.Next()
		if oldest.Value.(*held).events > 0 { //nolint:forcetypeassert // the queue has no others
			k.leaveOut(oldest, &k.left.Dropped, "IngestorOptions.OutageBuffer was full while there was no connection")
		}
		oldest = next
	}
}

// leaveOut takes an event out of the queue, for good.
func (k *kept) leaveOut(e *list.Element, count *uint64, why string) {
	h := k.remove(e)
	k.giveUp(h.request, h.events, count, why)
}

func (k *kept) giveUp(r request, events int, count *uint64, why string) {
	if !r.claim() {
		return // its caller has withdrawn it
	}
	*count += uint64(events)
	if r.call != nil {
		k.settle(r.call, fmt.Errorf("client: %w: %s", ErrLeftOut, why))
	}
}

func (k *kept) remove(e *list.Element) *held {
	h := k.queue.Remove(e).(*held) //nolint:forcetypeassert // the queue has no others
	if h.instrument != "" && k.newest[h.instrument] == e {
		delete(k.newest, h.instrument)
	}
	if h.events > 0 {
		k.bytes -= len(h.data) + heldOverhead
	}
	return h
}

// pop takes the oldest request, for the writer.
func (k *kept) pop() (r request, ok bool) {
	if k == nil || k.queue.Len() == 0 {
		return request{}, false
	}
	return k.remove(k.queue.Front()).request, true
}

// told returns what was left out since it was called last.
func (k *kept) told() (left LeftOut) {
	if k != nil {
		left, k.left = k.left, LeftOut{}
	}
	return left
}

// instrumentOf returns the instrument of a price's message, empty if it is another event.
func instrumentOf(data []byte) string {
	if rest, ok := bytes.CutPrefix(data, []byte(`{"type":"`+protocol.TypePriceUpdate+`","instrument":"`)); ok {
		if name, _, _ := bytes.Cut(rest, []byte{'"'}); !bytes.ContainsRune(name, '\\') {
			return string(name)
		}
	}
	var event struct{ Type, Instrument string }
	if json.Unmarshal(data, &event) != nil || event.Type != protocol.TypePriceUpdate {
		return ""
	}
	return event.Instrument
}
