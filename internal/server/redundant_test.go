package server_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/redundant"
	"backbone/internal/redistest"
)

// metric waits until the instance's metrics have a line.
func (in *instance) metric(line string) {
	in.t.Helper()
	in.eventually(line, func() bool { return strings.Contains(in.metrics(), "\n"+line+"\n") })
}

// deadly makes connections to an address that can die with it, as those of a killed process do.
type deadly struct {
	address string
	dead    atomic.Bool
	conns   chan *net.TCPConn
}

func (d *deadly) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address == d.address && d.dead.Load() {
		return nil, syscall.ECONNREFUSED
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil && address == d.address {
		d.conns <- c.(*net.TCPConn)
	}
	return c, err
}

func (d *deadly) kill(t *testing.T) {
	t.Helper()
	d.dead.Store(true)
	for range len(d.conns) {
		c := <-d.conns
		if err := c.SetLinger(0); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}

// A consumer of two instances hears each price of a third once and in order, though one of the two
// is killed meanwhile.
func TestRedundantLinesLoseNothingWithAnInstance(t *testing.T) {
	const n = 1000
	url := redistest.Start(t).URL()
	a, b := pair(t, url, lossless)
	producer := start(t, withRedis(url))
	producer.bridgeState("ok")
	line := &deadly{address: a.Addr().String(), conns: make(chan *net.TCPConn, 16)}
	opt := client.ConnOptions{Buffer: 1 << 14, Options: client.Options{DialContext: line.dial}}
	c, err := redundant.Dial(t.Context(), []string{a.URL(), b.URL()}, &redundant.Options{ConnOptions: opt})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	rooms := []string{"BTC_USDT", "ETH_USDT", "SOL_USDT"}
	if err := c.Join(t.Context(), rooms...); err != nil {
		t.Fatal(err)
	}
	for _, in := range []*instance{a, b} {
		in.metric(fmt.Sprintf("backbone_rooms %d", len(rooms)))
	}
	p := producer.ingestor()
	published := publishing(t, p, 1, n, rooms...)
	last, heard := map[string]int64{}, 0
	late := time.NewTimer(patience)
	defer late.Stop()
	for heard < n*len(rooms) {
		select {
		case ev := <-c.Events():
			late.Reset(patience)
			switch ev := ev.(type) {
			case client.PriceUpdate:
				if heard++; ev.TS != last[ev.Instrument]+1 {
					t.Fatalf("price %d of %s came after %d", ev.TS, ev.Instrument, last[ev.Instrument])
				}
				last[ev.Instrument] = ev.TS
			case client.Connected:
			default:
				t.Fatalf("got %T %+v", ev, ev)
			}
			if heard == n {
				line.kill(t)
				if err := a.Stop(); err != nil {
					t.Fatal(err)
				}
			}
		case <-late.C:
			t.Fatalf("nothing came for %v, and before only %v", patience, last)
		}
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if !line.dead.Load() {
		t.Error("nothing was killed")
	}
}
