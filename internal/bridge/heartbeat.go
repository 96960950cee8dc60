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
// where origin is an instance id and session counts the sessions of that instance. A frozen
// Redis may publish a heartbeat late, from a connection that was given up. The session tells
// such a heartbeat from one that proves that the current connection works.

func beatHead(instance string, session uint64) string {
	return fmt.Sprintf(`%s"session":%d,`, envelopeHead(instance), session)
}

func beat(instance string, session, clock uint64) string {
	return fmt.Sprintf(`%s"clock":"%016x"}`, beatHead(instance, session), clock)
}

func decodeBeat(message string) (instance string, clock uint64, ok bool) {
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
			instance, err = text(d)
		case "clock":
			hex, err = text(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil || version != "1" || !validInstance(instance) {
		return "", 0, false
	}
	if _, end := d.ReadToken(); end != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return "", 0, false
	}
	clock, ok = parseClock(hex)
	return instance, clock, ok
}

// maxPeers bounds the instances that are tracked, because a foreign program that can publish
// could invent any number of them.
const maxPeers = 1024

// peers says when each other instance was last heard.
type peers map[string]time.Time

func (p peers) heard(instance string, now time.Time) {
	if _, known := p[instance]; known || len(p) < maxPeers {
		p[instance] = now
	}
}

// live forgets the instances that were silent for longer than patience, and counts the
// others.
func (p peers) live(now time.Time, patience time.Duration) int {
	for instance, last := range p {
		if now.Sub(last) > patience {
			delete(p, instance)
		}
	}
	return len(p)
}

// clockBox carries the newest clock that was seen to the Sink. Any goroutine may raise it,
// which never blocks.
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
