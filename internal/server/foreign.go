package server

import (
	"sync"

	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/internal/hub"
	"backbone/protocol"
)

// foreign holds what comes from Redis to the protocol, as transport does what comes from
// clients. Anyone who reaches Redis can write there.
type foreign struct {
	domains  common.Domains
	checkers sync.Pool // of *checker
}

// checker is what checks one event. The decoder looks at a copy of the payload.
type checker struct {
	decoder *common.Decoder
	text    []byte
}

func newForeign(domains common.Domains) *foreign {
	return &foreign{domains, sync.Pool{New: func() any { return &checker{decoder: common.NewDecoder()} }}}
}

// valid reports whether an instance with the same domains can have published the event. Its
// payload is then what its domain makes of a client's message, byte by byte. It is safe for
// concurrent use by multiple goroutines.
func (f *foreign) valid(e *hub.BroadcastEvent) bool {
	domain, known := f.domains.Lookup(e.Type)
	if !known || domain.State() != (e.Kind != hub.Message) {
		return false
	}
	if e.Kind == hub.Resync {
		return protocol.ValidRoom(e.Room)
	}
	if e.Type == protocol.TypePriceUpdate && protocol.IsRetired(e.Payload) {
		return e.Kind != hub.Message && protocol.ValidRoom(e.Room) && e.Payload == protocol.Retired(e.Room)
	}
	c := f.checkers.Get().(*checker) //nolint:forcetypeassert // nothing else is in it
	c.text = append(c.text[:0], e.Payload...)
	defer f.checkers.Put(c)
	obj, err := c.decoder.Object(c.text)
	if err != nil || obj.Type() != e.Type {
		return false
	}
	if instrument, _, ok := trading.Usual(obj); ok { // its text is the payload
		return string(instrument) == e.Room
	}
	event, err := domain.Validate(obj)
	return err == nil && event.Room == e.Room && event.Payload == e.Payload
}
