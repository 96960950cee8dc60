package transport

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"reflect"
	"testing"
	"time"
)

// secured is a write side over TLS on TCP, and its peer.
func secured(t *testing.T) (*writeSide, *tls.Conn) {
	t.Helper()
	cert, pool := certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	peer := tls.Client(dialled, &tls.Config{RootCAs: pool, ServerName: "backbone", MinVersion: tls.VersionTLS12})
	done := make(chan error, 1)
	go func() { done <- peer.Handshake() }()
	server := tls.Server(newUnderTLS(&patient{Conn: accepted, spent: true}, time.Second), &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true,
	})
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w := alone()
	w.fresh = nil
	w.conn.socket = newSocket(server)
	if !w.conn.socket.writesNow() {
		t.Fatal("writes to a TLS connection on TCP wait")
	}
	w.conn.socket.under().open.Store(true)
	return w, peer
}

// What the kernel does not take of what TLS has written waits, in order, and nobody waits for it.
func TestWhatIsLeftOfAWriteOverTLSIsKept(t *testing.T) {
	t.Parallel()
	w, peer := secured(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	w.send(big)
	if n := w.needs(); n != needSocket || w.phase == over {
		t.Fatalf("it needs %d, phase %d", n, w.phase)
	}
	got := make(chan []byte, 1)
	go func() {
		all := make([]byte, len(big)+4)
		n, err := io.ReadFull(peer, all)
		if err != nil {
			t.Error(err)
		}
		got <- all[:n]
	}()
	w.writeRest()
	if n := w.needs(); n != needNothing || w.phase == over {
		t.Errorf("after the rest it needs %d, phase %d", n, w.phase)
	}
	w.send([]byte("last"))
	w.writeRest()
	if all := <-got; !bytes.Equal(all, append(big, "last"...)) {
		t.Errorf("%d bytes came, want %d in order", len(all), len(big)+4)
	}
}

// An end is told behind what waits, however full the kernel is.
func TestAnEndOverTLSIsTold(t *testing.T) {
	t.Parallel()
	w, peer := secured(t)
	if err := limitUnsent(w.conn.socket.Conn); err != nil {
		t.Fatal(err)
	}
	w.send(make([]byte, 8<<20))
	w.finish(&closeError{code: 1000, reason: ""})
	w.readEnded, w.conn.ending = false, &ending{ended: make(chan struct{})}
	told := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, peer) // nil at a close_notify, an error at an end without one
		told <- err
		w.conn.replies <- nil
	}()
	if err := w.farewell(); err != nil {
		t.Error(err)
	}
	if err := <-told; err != nil {
		t.Errorf("the peer sees %v", err)
	}
}

// A peer that takes nothing is given up after the time-out.
func TestAPeerOverTLSThatTakesNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	w, _ := secured(t)
	w.conn.server.opts.Limits.WriteTimeout = 50 * time.Millisecond
	w.send(make([]byte, 32<<20))
	if w.writeRest(); w.phase != over || w.err == nil {
		t.Errorf("phase %d, error %v", w.phase, w.err)
	}
}

// What TLS keeps of a handshake is found, in this version of Go.
func TestTLSForgetsTheHandshake(t *testing.T) {
	t.Parallel()
	w, peer := secured(t)
	server := w.conn.socket.Conn.(*tls.Conn)
	kept := func() (bytes int) {
		for _, name := range []string{"rawInput", "hand"} {
			bytes += reflect.ValueOf(server).Elem().FieldByName(name).FieldByName("buf").Cap()
		}
		return bytes
	}
	before := kept()
	forgetHandshake(server)
	if after := kept(); before < 1000 || after != 0 {
		t.Errorf("TLS keeps %d bytes, and then %d", before, after)
	}
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(server, b); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
}
