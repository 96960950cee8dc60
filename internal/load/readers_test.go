package load_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"backbone/internal/load"
)

// TestSlowReadersReadAtTheirRate has readers that can take a tenth of what is published.
// The events that they read while measuring are as many as their speed allows.
func TestSlowReadersReadAtTheirRate(t *testing.T) {
	o := options(t)
	o.Consumers, o.Storm, o.Joins, o.Rate, o.Burst = 1, 0, 3, 3000, 10
	o.SlowReaders, o.ReadRate, o.For = 3, 20_000, 500*time.Millisecond
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Wrong() > 0 || r.Connect.Joined != 4 || r.Delivery.Unfinished > 0 {
		t.Errorf("connected %+v, delivered %+v", r.Connect, r.Delivery)
	}
	const eventBytes = 70 // at least: a price of these rooms with its header
	most := int64(o.ReadRate / eventBytes * 0.75 * 3)
	if s := r.Readers; s == nil || s.Age.Count == 0 || s.Age.Count > most || s.CutOff > 0 {
		t.Errorf("read %+v, expected some of at most %d events", s, most)
	} else if *s.Age.P50 <= *r.Latency.Consumers.P50 {
		t.Errorf("ages %+v, but consumers that kept up had %+v", s.Age, r.Latency.Consumers)
	}
	ages := 0
	for _, in := range r.Series {
		if in.Age != nil {
			ages += int(in.Age.Count)
		}
	}
	if ages != int(r.Readers.Age.Count) || r.Latency.Consumers.Count != int64(r.Publish.Sent) {
		t.Errorf("the series has %d ages of %d, and %d latencies are of %d events", ages, r.Readers.Age.Count, r.Latency.Consumers.Count, r.Publish.Sent)
	}
}

func TestSlowReadersThatAreCutOffAreCounted(t *testing.T) {
	o := options(t)
	direct := o.PublishTo
	cut := make(chan struct{})
	relayed := relay(t, strings.TrimPrefix(direct, "ws://"), cut)
	o.ConsumeFrom = []string{direct, relayed} // the consumer first, then the reader
	o.Consumers, o.SlowReaders, o.ReadRate, o.Storm, o.For = 1, 1, 1e6, 0, 500*time.Millisecond
	once := sync.OnceFunc(func() { close(cut) })
	o.Progress, o.ProgressEvery = func(p load.Progress) {
		if p.State == load.Measuring {
			once()
		}
	}, 10*time.Millisecond
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Readers.CutOff != 1 || r.Delivery.Disconnects != 1 {
		t.Errorf("read %+v, delivered %+v", r.Readers, r.Delivery)
	}
}

// relay passes bytes to the server and back, and ends its first connection once cut is closed.
func relay(t *testing.T, server string, cut <-chan struct{}) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		running.Wait()
	})
	running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := new(net.Dialer).DialContext(ctx, "tcp", server)
			if err != nil {
				_ = from.Close()
				continue
			}
			end := sync.OnceFunc(func() { _, _ = from.Close(), to.Close() })
			context.AfterFunc(ctx, end)
			running.Go(func() { defer end(); _, _ = io.Copy(to, from) })
			running.Go(func() { defer end(); _, _ = io.Copy(from, to) })
			if cut != nil {
				first := cut
				cut = nil
				running.Go(func() {
					select {
					case <-first:
						end()
					case <-ctx.Done():
					}
				})
			}
		}
	})
	return "ws://" + l.Addr().String()
}
