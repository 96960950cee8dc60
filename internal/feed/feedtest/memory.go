package feedtest

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// memory is a network of one host, for fake time.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
}

// listen serves handler in memory until ctx ends. stopped returns when nothing of it is left.
func listen(ctx context.Context, handler http.Handler) (m memory, stopped func()) {
	m = memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler} //nolint:gosec // nobody is slow in memory
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(m) // ends with Close
	}()
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	return m, func() {
		stop()
		_ = server.Close()
		<-ended
	}
}

// Dial is like that of net.Dialer, whatever the address.
func (m memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.conns <- far:
		return near, nil
	case <-m.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept is of net.Listener.
func (m memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close is of net.Listener.
func (m memory) Close() error { close(m.closed); return nil }

// Addr is of net.Listener.
func (m memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }
