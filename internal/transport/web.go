package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"backbone/internal/auth"
	"backbone/internal/domain/common"
	"backbone/internal/handshake"
	"backbone/internal/hub"
	"backbone/internal/proxied"
	"backbone/protocol"
)

// web serves requests that are not for a WebSocket.
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
		WriteTimeout:      2 * timeout, // it begins with the body, which has to come first
		MaxHeaderBytes:    maxHead - headSlop,
		ConnState:         w.count,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
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

// connKey is the key of a request's connection in the context of the request.
type connKey struct{}

// Visitor is whoever sent a plain request, in one role. It was let in as a WebSocket is, and its connection
// counts as one for the limits until its end. Its methods are safe for concurrent use by multiple
// goroutines.
type Visitor struct {
	// Account is who it is from one request to the next: the name of its credentials, or where none are
	// asked for its address without the port.
	Account string

	server *Server
	role   protocol.Role
	grant  *auth.Grant // nil: everything
}

// Refusal is why a plain request is not let in.
type Refusal struct {
	Status int    // of HTTP
	Reason string // for the client
	Retry  bool   // the client can try again later
}

// Visit lets a plain request in, in a role, or returns why not: by the rules of a handshake, and with
// the same lines in the log. r is one of those that Options.Web serves.
func (s *Server) Visit(r *http.Request, role protocol.Role) (*Visitor, *Refusal) {
	c, ok := r.Context().Value(connKey{}).(*replayConn)
	if !ok {
		panic("transport: a visit by a request of another server")
	}
	p := c.place
	v := &Visitor{server: s, role: role}
	h, malformed := handshake.OfRequest(r)
	if malformed != nil {
		return nil, s.turnAway(p, role, h, &httpRefusal{status: http.StatusBadRequest, reason: malformed.Error()})
	}
	v.Account = account(s.forwarded(p, h))
	err := s.mayAsk(role, h)
	if err == nil && h.Origin == "" && crossSite(r) {
		err = &httpRefusal{status: http.StatusForbidden, reason: "this origin is not allowed"}
	}
	if err == nil && h.Origin == "" && r.Method == http.MethodGet { // what else a page sends has an Origin
		err = s.strangeName(role, h)
	}
	if err == nil {
		v.grant, err = s.grant(role, &socket{Conn: p.conn}, h.Credentials)
	}
	if err == nil {
		err = s.registry.open(p)
	}
	if err != nil {
		return nil, s.turnAway(p, role, h, err)
	}
	if v.grant != nil {
		v.Account = v.grant.Name
	}
	return v, nil
}

// account is the account of an address.
func account(a netip.Addr) string {
	if !a.IsValid() { // a Unix socket
		return "local"
	}
	return proxied.Key(a).String()
}

// crossSite reports whether a browser says that another site's page made it send the request. Browsers send
// no Origin with some of these.
func crossSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}

func (s *Server) turnAway(p *place, role protocol.Role, h handshake.Head, err error) *Refusal {
	r, ok := err.(*httpRefusal) //nolint:errorlint // made in this package and never wrapped
	if !ok {                    // it was pushed out, and gets no answer
		return &Refusal{Status: http.StatusServiceUnavailable, Reason: "the connection was closed", Retry: true}
	}
	why, status := r.reason, strconv.Itoa(r.status)
	if r.why != "" {
		why = r.why
	}
	s.refusals.Tell(visitorKind(s.stats.refused.listed(status)), refusedLine(p, role, h, status, why)...)
	return &Refusal{Status: r.status, Reason: r.reason, Retry: r.retry}
}

// Allows returns the error of a room that the visitor's credentials do not allow, nil if they do. The field
// names the room in it.
func (v *Visitor) Allows(field, room string) *common.RequestError {
	if v.grant.Allows(room) {
		return nil
	}
	return notGranted(field, room)
}

// Event is what o publishes, and the field that names its room. It is validated as what comes over a
// WebSocket is. The error is a *common.RequestError.
func (v *Visitor) Event(o *common.Object) (e hub.BroadcastEvent, field string, err error) {
	domain, known := v.server.opts.Domains.Lookup(o.Type())
	switch typ := o.Type(); {
	case typ == protocol.TypePing || typ == protocol.TypeAuth:
		return e, "", common.Errorf(protocol.CodeForbidden, "type: %s is for WebSockets only", typ)
	case !known || domain.Sender() != v.role:
		return e, "", v.server.notFor(v.role, o.Type())
	}
	valid, err := domain.Validate(o)
	broadcast(&e, domain, valid)
	return e, domain.RoomField(), err
}

// Received counts a message of some bytes.
func (v *Visitor) Received(bytes int) {
	v.server.stats.messages.add(1)
	v.server.stats.bytesIn.add(bytes)
}

// Refused counts an error that the visitor is told.
func (v *Visitor) Refused(code protocol.Code) { v.server.stats.errors.count(string(code)) }

// The limits that requests of visitors are held to besides those of connections.
const (
	LimitMessages    = limitMessageRate
	LimitJoins       = limitJoinRate
	LimitRooms       = limitRoomsTotal
	LimitEvents      = limitIngestRate
	LimitEventBytes  = limitIngestBytes
	LimitBadMessages = limitBad
)

// Limited counts what a limit did, which is one of the Limit constants.
func (v *Visitor) Limited(limit string) { v.server.stats.limited.count(limit) }
