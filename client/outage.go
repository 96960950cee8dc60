package client

import (
	"bytes"
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"backbone/protocol"
)

// Outage says what becomes of events that are published, or not yet written, while an Ingestor has
// no connection. Publish, PublishBatch and PublishJSON return at once then. PublishAsync and
// PublishJSONAsync do so until as many of their events are kept as Options.MaxInFlight says, for
// example one of as many instruments; then they block until there is a connection or their context
// ends. What is left out is counted in a [LeftOut].
type Outage int

const (
	// KeepNewest keeps the newest price of each instrument for the next connection. An older one
	// is left out, so that nobody hears it as news. Events of other types are all kept. As long as the
	// newest can be withdrawn, because the context of its PublishAck may end, the one before it is
	// kept too.
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

	queue  list.List                  // of *held, in order
	prices map[string][]*list.Element // those of the queue by instrument, in order, for KeepNewest; all but the first can be withdrawn
	calls  map[*list.Element]struct{} // those of the queue with a call: no more than calls in flight
	bytes  int
	left   LeftOut
	swept  uint64 // calls that were withdrawn when the queue was cleared of them last

	withdrawn atomic.Uint64 // calls; any goroutine adds its own
}

func newKept(outage Outage, limit int, settle func(*call, error)) *kept {
	return &kept{outage: outage, limit: limit, settle: settle,
		prices: map[string][]*list.Element{}, calls: map[*list.Element]struct{}{}}
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
		s.kept.take(s.next, s.kept.queue.Front()) // from there it came, if there is one
		s.next = request{}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case r := <-s.out:
				s.kept.take(r, nil)
			case <-quit:
				for range len(s.out) { // they were published before the connection came
					s.kept.take(<-s.out, nil)
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

// withdraw notes that a call was withdrawn. It is called before the call frees its slot, so that
// take knows of it before a new call takes its place.
func (k *kept) withdraw() {
	if k != nil {
		k.withdrawn.Add(1)
	}
}

// sweep takes out of the queue what was withdrawn.
func (k *kept) sweep() {
	withdrawn := k.withdrawn.Load()
	if withdrawn == k.swept {
		return
	}
	k.swept = withdrawn
	for e := range k.calls {
		if r := of(e).request; r.withdrawn() {
			k.remove(e)
		}
	}
}

// take keeps a request, or what of it is to be kept: at the end of the queue if before is nil.
func (k *kept) take(r request, before *list.Element) {
	k.sweep()
	if r.withdrawn() {
		return
	}
	if r.call != nil && bytes.HasPrefix(r.data, []byte(`{"type":"`+protocol.TypePing+`"`)) {
		k.put(&held{request: r}, before)
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
		k.keep(r, max(1, len(batch)), before)
	default:
		for _, event := range batch {
			k.keep(request{data: bytes.Clone(event), events: 1}, 1, before)
		}
	}
}

// keep puts a request into the queue. A price that can be withdrawn takes the place of no older one
// yet: see decide.
func (k *kept) keep(r request, events int, before *list.Element) {
	h := &held{request: r, events: events}
	if k.outage == KeepNewest {
		h.instrument = instrumentOf(r.data)
	}
	if h.instrument != "" && !r.withdrawable() {
		k.conflate(h.instrument, 0)
	}
	k.put(h, before)
	for oldest := k.queue.Front(); k.bytes > k.limit; {
		next := oldest.Next()
		if of(oldest).events > 0 {
			k.leaveOut(oldest, &k.left.Dropped, "IngestorOptions.OutageBuffer was full while there was no connection")
		}
		oldest = next
	}
}

func (k *kept) put(h *held, before *list.Element) {
	var e *list.Element
	if before != nil {
		e = k.queue.InsertBefore(h, before)
	} else {
		e = k.queue.PushBack(h)
	}
	if h.call != nil {
		k.calls[e] = struct{}{}
	}
	if h.instrument != "" {
		k.prices[h.instrument] = append(k.prices[h.instrument], e)
	}
	if h.events > 0 {
		k.bytes += len(h.data) + heldOverhead
	}
}

// conflate leaves out all prices of the instrument but the newest n.
func (k *kept) conflate(instrument string, n int) {
	for len(k.prices[instrument]) > n {
		k.leaveOut(k.prices[instrument][0], &k.left.Conflated, "a newer price of the instrument was published while there was no connection")
	}
}

// decide leaves out each price of which a newer one will be sent, now that there is a connection.
func (k *kept) decide() {
	if k == nil {
		return
	}
	for instrument := range k.prices {
		for len(k.prices[instrument]) > 1 {
			newest := k.prices[instrument][len(k.prices[instrument])-1]
			if of(newest).claim() {
				k.conflate(instrument, 1)
			} else {
				k.remove(newest)
			}
		}
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
	h := of(e)
	k.queue.Remove(e)
	delete(k.calls, e)
	if h.instrument != "" {
		prices := k.prices[h.instrument]
		if i := slices.Index(prices, e); len(prices) > 1 {
			k.prices[h.instrument] = slices.Delete(prices, i, i+1)
		} else {
			delete(k.prices, h.instrument)
		}
	}
	if h.events > 0 {
		k.bytes -= len(h.data) + heldOverhead
	}
	return h
}

func of(e *list.Element) *held { return e.Value.(*held) } //nolint:forcetypeassert // the queue has no others

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
