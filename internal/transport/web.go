package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// web serves requests that are not for a WebSocket: health, readiness, and 404 for the rest.
type web struct {
	conns chan net.Conn
	done  chan struct{} // closed when no connection is taken any more
	addr  net.Addr
	http  *http.Server
	ended chan struct{}  // closed when the HTTP server has stopped accepting
	open  sync.WaitGroup // of the HTTP server's connections
	leave func(*place)   // is told of each connection that ends
}

// headSlop is what net/http reads beyond MaxHeaderBytes before it refuses a head.
const headSlop = 4 << 10

// newWeb starts the HTTP server; stop must follow.
func newWeb(h http.Handler, addr net.Addr, timeout time.Duration, log *slog.Logger, leave func(*place)) *web {
	w := &web{conns: make(chan net.Conn), done: make(chan struct{}), addr: addr, ended: make(chan struct{}), leave: leave}
	w.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: timeout,
		ReadTimeout:       timeout,
		WriteTimeout:      timeout,
		MaxHeaderBytes:    maxHead - headSlop,
		ConnState:         w.count,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	// A connection whose first request was served here could not become a WebSocket.
	w.http.SetKeepAlivesEnabled(false)
	go func() {
		defer close(w.ended)
		if err := w.http.Serve(w); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the HTTP server ended", "error", err)
		}
	}()
	return w
}

func (w *web) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		w.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		if r, ok := c.(*replayConn); ok {
			w.leave(r.place)
		}
		w.open.Done()
	case http.StateActive, http.StateIdle:
	}
}

// stop closes all connections and returns when their goroutines have ended.
func (w *web) stop() error {
	err := w.http.Close()
	<-w.ended
	err = errors.Join(err, w.http.Close()) // a connection can have come in meanwhile
	w.open.Wait()
	return err
}

func (w *web) take(c *replayConn) {
	select {
	case w.conns <- c:
	case <-w.done:
		c.Close()
		w.leave(c.place)
	}
}

// Accept, Close and Addr make web a listener of the connections that it takes.
func (w *web) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *web) Close() error { close(w.done); return nil }

func (w *web) Addr() net.Addr { return w.addr }

// replayConn is a connection whose first bytes were read already, and are read again.
type replayConn struct {
	net.Conn
	head  []byte
	place *place
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
