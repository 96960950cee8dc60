package transport

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

// slowConsumer takes little ahead of what it reads, and is in room A.
func (i *instance) slowConsumer() *peer {
	i.t.Helper()
	p := dialSlowly(i.t, i.listener)
	p.upgrade(protocol.PathConsume)
	p.join("A")
	return p
}

// dialSlowly connects with a small receive buffer.
func dialSlowly(t *testing.T, l net.Listener) *peer {
	t.Helper()
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		})
		return errors.Join(err, failed)
	}}
	c, err := small.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &peer{Conn: c, t: t}
}

// readSlowly reads 30 KB/s for a while, and returns how many bytes that were. It makes up for the time
// in which it got no processor.
func (p *peer) readSlowly(t *testing.T, d time.Duration) int {
	t.Helper()
	const rate = 30_000
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var b [rate]byte
	began, read := time.Now(), 0
	for time.Since(began) < d {
		<-tick.C
		due := int(rate*time.Since(began).Seconds()) - read
		if due <= 0 {
			continue
		}
		n, err := p.Conn.Read(b[:min(due, len(b))])
		if err != nil {
			t.Fatalf("a reader of 30 KB/s was cut off: %v", err)
		}
		read += n
	}
	return read
}

// flood publishes n prices of 1 KB each.
func (i *instance) flood(n int) {
	i.t.Helper()
	publisher := i.ingest.Publisher("p", "")
	for range n {
		e := hub.BroadcastEvent{Room: "A", Kind: hub.State, Payload: price("A", strings.Repeat("1", 1000))}
		if _, err := publisher.Publish([]hub.BroadcastEvent{e}); err != nil {
			i.t.Fatal(err)
		}
	}
	i.settle()
}

// floodOn publishes all the time, until what it returns is called.
func (i *instance) floodOn() (end func()) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ending:
				return
			case <-time.After(time.Millisecond):
				i.flood(10)
			}
		}
	}()
	return func() { close(ending); <-ended }
}

// A kernel that holds much unsent asks for more only when half of it is gone. A reader that
// takes longer than the time-out for that, but does read, is not cut off.
func TestAReaderThatIsSlowerThanTheKernelAsksIsNotClosed(t *testing.T) {
	const timeout = time.Second
	i := onTCP(t, settings{change: func(o *Options) { o.Limits.WriteTimeout = timeout }})
	p := i.slowConsumer()
	defer i.floodOn()()
	p.readSlowly(t, 4*timeout)
	if s := i.counts(); s["write_timeouts_total"] != 0 || s["connections CONSUMER"] != 1 {
		t.Errorf("the server counts %d stalled, %d open", s["write_timeouts_total"], s["connections CONSUMER"])
	}
}

// A kernel that holds more than it wants to, as when memory is short, takes nothing for long although
// the reader reads on. What the reader's kernel acknowledges is progress by itself.
func TestAcknowledgedBytesAreProgressOfAWrite(t *testing.T) {
	const timeout, held = time.Second, 80 << 10 // more than is read below
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := dialSlowly(t, l)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Write(make([]byte, held)); err != nil {
		t.Fatal(n, err)
	}
	if err := c.(*net.TCPConn).SetWriteBuffer(1); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := writeOn(c, []byte("more"), timeout, nil, nil)
		written <- err
	}()
	read := p.readSlowly(t, 2*timeout)
	select {
	case err := <-written:
		t.Fatalf("the write ended while the kernel took nothing: %v", err)
	default:
	}
	if _, err := io.ReadFull(p, make([]byte, held-read)); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// The same with pings: it comes to them late, behind what it has not read yet.
func TestASlowReaderHasTimeToComeToThePing(t *testing.T) {
	const interval = 400 * time.Millisecond
	i := onTCP(t, settings{change: func(o *Options) {
		o.Limits.PingInterval, o.Limits.PongTimeout, o.Limits.WriteTimeout = interval, interval, interval
	}})
	p := i.slowConsumer()
	defer i.floodOn()()
	p.readSlowly(t, 10*interval)
	if s := i.counts(); s["connections CONSUMER"] != 1 {
		t.Errorf("the server counts %d open", s["connections CONSUMER"])
	}
}

func TestAReaderThatAnswersNoPingIsClosed(t *testing.T) {
	i := onTCP(t, settings{change: func(o *Options) {
		o.Limits.PingInterval, o.Limits.PongTimeout = 200*time.Millisecond, 200*time.Millisecond
	}})
	p := i.slowConsumer()
	defer i.floodOn()()
	pings := 0
	for {
		op, text, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if op == ws.OpPing {
			pings++
		}
		if op == ws.OpClose {
			if !strings.HasPrefix(text, closing(protocol.CloseSlowConsumer, "")) || pings != 1 {
				t.Errorf("closed with %q after %d pings", text, pings)
			}
			return
		}
	}
}

func TestAReaderThatStopsIsClosed(t *testing.T) {
	i := onTCP(t, settings{change: func(o *Options) { o.Limits.WriteTimeout = 200 * time.Millisecond }})
	p := i.slowConsumer()
	i.flood(2000)
	i.waitIdle(time.Minute)
	if s := i.counts(); s["write_timeouts_total"] != 1 {
		t.Errorf("the server counts %d stalled", s["write_timeouts_total"])
	}
	// It hears so at once behind what its own kernel holds, and not behind all that ours held too.
	n, err := io.Copy(io.Discard, p.Conn)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d bytes the reader sees %v", n, err)
	}
}

// Connections that stall and go on take turns between their writer and a goroutine of their
// own, while their ReadPumps reply. Each hears everything, or how much it missed, and its
// pongs in order.
func TestConnectionsGoBetweenWriterAndGoroutine(t *testing.T) {
	const consumers, events, pings = 20, 10_000, 300
	i := onTCP(t, settings{queueBytes: 64 << 10, change: func(o *Options) { o.Limits.SocketSendBuffer = 8 << 10 }})
	var all sync.WaitGroup
	for n := range consumers {
		p := i.slowConsumer()
		all.Go(func() {
			for ping := range pings {
				if _, err := p.Write(masked(ws.OpText, `{"type":"ping","id":"`+strconv.Itoa(ping)+`"}`)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			var h heard
			for pong := 0; h.prices+int(h.skipped) < events || pong < pings; {
				_, text, err := p.next()
				switch {
				case err != nil:
					t.Errorf("after %d pongs and %+v: %v", pong, h, err)
					return
				case pongless(text) == text:
					h.add(t, text)
				case !strings.HasPrefix(text, `{"type":"pong","id":"`+strconv.Itoa(pong)+`"`):
					t.Errorf("pong %d is %s", pong, text)
					return
				default:
					pong++
				}
				if h.prices%50 == 0 {
					<-time.After(time.Duration(n) * time.Millisecond / 4)
				}
			}
		})
	}
	i.flood(events)
	all.Wait()
	if s := i.counts(); s["connections CONSUMER"] != consumers || s["write_timeouts_total"] != 0 {
		t.Errorf("the server counts %d open, %d stalled", s["connections CONSUMER"], s["write_timeouts_total"])
	}
	if s := i.hub.Stats(); s.LagsBytes == 0 {
		t.Error("nobody lagged: the test does not test what it should")
	}
}
