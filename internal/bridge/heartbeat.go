package bridge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A heartbeat is
//
//	{"v":1,"origin":"3f..","session":4,"clock":"<16 hex digits>"}
//
// where session counts the origin's connections, so that a heartbeat that a frozen
// Redis publishes late, from a connection that was given up, proves nothing.

func beatHead(origin string, session uint64) string {
	return fmt.Sprintf(`%s"session":%d,`, envelopeHead(origin), session)
}

func beat(origin string, session, clock uint64) string {
	return fmt.Sprintf(`%s"clock":"%016x"}`, beatHead(origin, session), clock)
}

func decodeBeat(message string) (origin string, clock uint64, ok bool) {
	if len(message) > 1024 {
		return "", 0, false
	}
	var version, hex string
	d := jsontext.NewDecoder(bytes.NewBufferString(message))
	err := object(d, func(key []byte) (err error) {
		switch string(key) {
		case "v":
			version, err = raw(d)
		case "origin":
			origin, err = text(d)
		case "clock":
			hex, err = text(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil || version != "1" || !validOrigin(origin) {
		return "", 0, false
	}
	if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return "", 0, false
	}
	clock, ok = parseClock(hex)
	return origin, clock, ok
}

// maxPeers bounds the origins that are kept apart: whoever may publish could invent any
// number of them.
const maxPeers = 1024

// peers are the origins heard of, and when.
type peers map[string]time.Time

func (p peers) heard(origin string, now time.Time) {
	if _, known := p[origin]; known || len(p) < maxPeers {
		p[origin] = now
	}
}

// live forgets who was silent for longer than patience, and counts the others.
func (p peers) live(now time.Time, patience time.Duration) int {
	for origin, last := range p {
		if now.Sub(last) > patience {
			delete(p, origin)
		}
	}
	return len(p)
}

// clockBox carries the newest clock seen from any goroutine to the Sink. Raising it
// never blocks.
type clockBox struct {
	newest atomic.Uint64
	raised chan struct{} // one place: newest has changed
}

func newClockBox() *clockBox { return &clockBox{raised: make(chan struct{}, 1)} }

func (b *clockBox) raise(clock uint64) {
	for {
		old := b.newest.Load()
		if clock <= old {
			return
		}
		if b.newest.CompareAndSwap(old, clock) {
			select {
			case b.raised <- struct{}{}:
			default:
			}
			return
		}
	}
}

func (b *clockBox) run(ctx context.Context, sink Sink) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.raised:
			sink.Clock(ctx, b.newest.Load())
		}
	}
}
