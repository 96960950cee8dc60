package load

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// readPaced reads n bytes from a peer that writes all it can, and says how long that took.
func readPaced(t *testing.T, rate ByteRate, hurry chan struct{}, n int) time.Duration {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		for b := make([]byte, 4096); ; {
			if _, err := far.Write(b); err != nil {
				return
			}
		}
	}()
	dial := paced(func(context.Context, string, string) (net.Conn, error) { return near, nil }, rate, hurry)
	conn, err := dial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := io.ReadFull(conn, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	return took
}

func TestAPacedConnectionReadsAtItsRate(t *testing.T) {
	for rate, n := range map[ByteRate]int{100: 1000, 2e3: 2e4, 1e5: 1e6, 1e9: 1e10 / 1000} {
		synctest.Test(t, func(t *testing.T) {
			took, due := readPaced(t, rate, nil, n), rate.takes(n)
			if early := due - took; early < 0 || early > paceCredit+rate.takes(pieceOf(rate)) {
				t.Errorf("%v: %d bytes took %v, expected %v", rate, n, took, due)
			}
		})
	}
}

func TestAPacedConnectionHurriesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hurry := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(hurry) })
		if took := readPaced(t, 1000, hurry, 1e6); took != time.Second {
			t.Errorf("it took %v after the end of the pace", took-time.Second)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn, _ := paced(func(context.Context, string, string) (net.Conn, error) { return near, nil }, 1, nil)(t.Context(), "", "")
		go func() { _, _ = far.Write([]byte("a")) }()
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conn.(*pacedConn).next = time.Now().Add(time.Hour)
		time.AfterFunc(time.Second, func() { _ = conn.Close() })
		begin := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(begin) != time.Second {
			t.Errorf("a closed connection read for %v: %v", time.Since(begin), err)
		}
	})
}
