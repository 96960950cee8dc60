package transport

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"backbone/internal/credit"
	"backbone/protocol"
)

// overTCP gives w a socket, and returns the other end.
func overTCP(t *testing.T, w *writeSide) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mine, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	its, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mine.Close(); its.Close() })
	w.conn.socket = newSocket(its)
	w.raw.init()
	return mine
}

// A reader that is near is trusted with no more for a late first answer, and the distance bounds
// no window that has grown.
func TestTheDistanceBoundsTheFirstWindow(t *testing.T) {
	w := alone()
	overTCP(t, w)
	f := w.fresh
	w.conn.server.begin = time.Now().Add(-time.Hour)
	answered := func(number uint64, bytes int, after time.Duration) {
		at := w.conn.server.now() - time.Second
		f.window.Sent(bytes)
		f.window.Mark(10, at)
		f.answered.Store(&answer{number, at + after})
		w.hear()
	}
	answered(1, 100, 100*time.Millisecond)
	if got := f.window.Size(); got != credit.StartWindow {
		t.Errorf("a window of %d bytes after the first answer", got)
	}
	answered(2, credit.StartWindow/2, 260*time.Millisecond)
	if got := f.window.Size(); got != credit.StartWindow*5/4 {
		t.Errorf("a window of %d bytes after the second answer", got)
	}
}

// The peer reads up to a ping when all was read that lay before it, wherever that is.
func TestWhereAPingIsRead(t *testing.T) {
	w := alone()
	overTCP(t, w)
	r := &w.conn.read
	k := &r.keepAlive
	ping := func() flow {
		t.Helper()
		r.sendPing()
		<-w.conn.replies
		f, known := flowOf(w.conn.socket.Conn)
		if !known || k.acked > f.acked || !k.pinged || !k.asked {
			t.Errorf("acknowledged %d of %+v", k.acked, f)
		}
		return f
	}
	if f := ping(); f.unacked != 0 || k.pingRead != f.acked {
		t.Errorf("a ping behind nothing is read at %d of %+v", k.pingRead, f)
	}
	w.fresh = nil
	w.send(make([]byte, 32<<20))
	f := ping()
	for n := 0; k.pingRead != f.acked+f.unacked+pingBehind && n < 10_000; n++ { // the peer's kernel takes some of it
		f = ping()
	}
	if f.unacked == 0 || k.pingRead != f.acked+f.unacked+pingBehind {
		t.Errorf("a ping is read at %d of %+v", k.pingRead, f)
	}
	for name, c := range map[string]struct {
		acked, pingRead uint64
		want            bool
	}{
		"it read on":             {f.acked - 1, f.acked, true},
		"it reads no more":       {f.acked, f.acked + 1, false},
		"it reads behind a ping": {f.acked - 1, f.acked - 1, false},
	} {
		if k.acked, k.pingRead = c.acked, c.pingRead; r.readsUpToPing() != c.want || k.acked != f.acked {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}

func TestWhatWaitsForTheKernelIsWritten(t *testing.T) {
	w := alone()
	mine := overTCP(t, w)
	w.fresh = nil
	w.send(make([]byte, 32<<20))
	if len(w.unwritten) == 0 {
		t.Fatal("the kernel takes all")
	}
	read := make(chan int64, 1)
	go func() {
		n, _ := io.CopyN(io.Discard, mine, 32<<20)
		read <- n
	}()
	if w.writeRest(); w.phase == over || len(w.unwritten) > 0 || <-read != 32<<20 {
		t.Errorf("phase %d, %v, %d bytes are left", w.phase, w.err, len(w.unwritten))
	}
}

func TestAnErrorOfADescriptorIsTold(t *testing.T) {
	w := alone()
	overTCP(t, w)
	if err := onDescriptor(w.conn.socket.Conn, func(int) error { return unix.EINVAL }); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v", err)
	}
}

// Prices do not wait in the kernel of a consumer.
func TestOnlyAConsumersKernelHoldsLittle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 2)
	i := start(t, telling{l, accepted}, settings{})
	for path, want := range map[string]bool{protocol.PathConsume: true, protocol.PathIngest: false} {
		p := i.connect(path)
		p.raw(masked(ws.OpPing, "x"))
		p.want(ws.OpPong, "x")
		c := <-accepted
		low := 0
		if err := onDescriptor(c, func(fd int) (err error) {
			low, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
			return err
		}); err != nil || (low == unsentLow) != want {
			t.Errorf("%s: the kernel holds %d bytes, %v", path, low, err)
		}
	}
}

// telling tells what it accepts.
type telling struct {
	net.Listener
	accepted chan<- net.Conn
}

func (l telling) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- c
	}
	return c, err
}
