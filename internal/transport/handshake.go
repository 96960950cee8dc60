package transport

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/time/rate"

	"backbone/internal/auth"
	"backbone/internal/handshake"
	"backbone/protocol"
)

const (
	handshakeTimeout = 10 * time.Second
	maxHead          = 16 << 10 // bytes of the head of a request
	headBytes        = 2 << 10  // enough for the heads of most clients
)

// httpRefusal is a handshake that is answered with an HTTP status.
type httpRefusal struct { //nolint:errname // an error only to the upgrader: it is a reply
	status int
	reason string
	retry  bool // the client can try again later
}

func (r *httpRefusal) Error() string { return r.reason }

func busy(reason string) error { return &httpRefusal{http.StatusServiceUnavailable, reason, true} }

func tooManyRequests(reason string) error {
	return &httpRefusal{http.StatusTooManyRequests, reason, true}
}

// retryAfter tells a client how many seconds to wait before it tries again.
var retryAfter = ws.HandshakeHeaderHTTP{"Retry-After": {"1"}}

// accept reads the head of a connection's first request and upgrades the connection if the
// request is for a WebSocket path. Everything else goes to the HTTP server.
func (s *Server) accept(ctx context.Context, nc net.Conn) {
	unhook := context.AfterFunc(ctx, func() { bottom(nc).Close() }) // ends the reads below
	defer unhook()
	buf := s.arena.heads.Get().(*[headBytes]byte)
	defer s.arena.heads.Put(buf)
	var text, rest []byte
	err := nc.SetDeadline(time.Now().Add(handshakeTimeout))
	if err == nil {
		text, rest, err = readHead(nc, buf[:0])
	}
	if err != nil {
		s.stats.refused.count(other)
		nc.Close()
		return
	}
	role, ok := roleFor(requestPath(text))
	if !ok || !bytes.HasSuffix(text, endOfHead) {
		s.web.take(&replayConn{Conn: nc, head: slices.Concat(text, rest)})
		return
	}
	c := s.newConn(nc)
	c.identity.Role = role
	if err := s.upgrade(c, text); err != nil {
		closeRefused(nc)
		return
	}
	if role == protocol.Consumer {
		if err := limitUnsent(nc); err != nil {
			s.log.Debug("the kernel's send buffer could not be bounded", "address", c.RemoteAddr(), "error", err)
		}
	}
	s.stats.accepted.add(1)
	s.log.Debug("connection opened", "address", c.RemoteAddr(), "role", role, "name", c.identity.Name)
	if err := c.start(rest); err != nil {
		c.end(err)
		return
	}
	s.goes.Go(c.read.ReadPump) // on a stack that the handshake has not grown
}

var endOfHead = []byte("\r\n\r\n")

// readHead reads up to the empty line that ends the head of a request; rest is what came behind
// it. A head that is too long is returned as it is, for the HTTP server to refuse. Both results
// are in buf, if they fit.
func readHead(r io.Reader, buf []byte) (head, rest []byte, err error) {
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxHead {
				return buf, nil, nil
			}
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		from := max(0, len(buf)-3)
		buf = buf[:len(buf)+n]
		if i := bytes.Index(buf[from:], endOfHead); i >= 0 {
			end := from + i + len(endOfHead)
			return buf[:end:end], buf[end:], nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// requestPath is the path of a GET request, "" for any other request and for bytes that are not
// HTTP.
func requestPath(head []byte) string {
	line, _, _ := bytes.Cut(head, endOfHead[:2])
	target, get := strings.CutPrefix(string(line), "GET ")
	target, version, _ := strings.Cut(target, " ")
	if _, _, ok := http.ParseHTTPVersion(version); !get || !ok {
		return ""
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

// roleFor returns the role that the path of a WebSocket gives its client.
func roleFor(path string) (protocol.Role, bool) {
	switch path {
	case protocol.PathConsume:
		return protocol.Consumer, true
	case protocol.PathIngest:
		return protocol.Ingestor, true
	}
	return "", false
}

// upgrade replies to the handshake. On success c has its place in the registry.
func (s *Server) upgrade(c *conn, text []byte) error {
	h, malformed := handshake.Parse(text)
	entered := false
	u := ws.Upgrader{
		Protocol: func(p []byte) bool { return string(p) == protocol.Subprotocol },
		OnRequest: func([]byte) error {
			if malformed != nil {
				return rejection(&httpRefusal{status: http.StatusBadRequest, reason: "bad handshake: " + malformed.Error()})
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			err := s.admit(c, h)
			entered = err == nil
			return nil, rejection(err)
		},
	}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(h.Text), c.socket.Conn})
	if err == nil {
		err = c.socket.SetDeadline(time.Time{})
	}
	if err == nil {
		return nil
	}
	if entered {
		s.registry.leave(c)
	}
	status := other
	if r, ok := err.(interface{ StatusCode() int }); ok {
		status = strconv.Itoa(r.StatusCode())
	}
	s.stats.refused.count(status)
	s.refusals.tell(c, h, status, err, malformed != nil)
	return err
}

// admit decides whether a connection can be opened; the error is an *httpRefusal.
func (s *Server) admit(c *conn, h handshake.Head) error {
	if s.draining.Load() {
		return busy("the server is stopping")
	}
	if !s.opts.Origins.Allowed(h.Origin, h.Host) {
		return &httpRefusal{status: http.StatusForbidden, reason: "this origin is not allowed"}
	}
	if c.identity.Role == protocol.Ingestor && s.opts.Keys != nil {
		name, ok := s.opts.Keys.Lookup(h.APIKey)
		if !ok {
			return &httpRefusal{status: http.StatusUnauthorized, reason: "publishing needs a valid key in the header " + protocol.HeaderAPIKey}
		}
		c.identity = auth.Identity{Name: name, Role: protocol.Ingestor}
	}
	return s.registry.enter(c)
}

// rejection is an *httpRefusal as the upgrader understands it.
func rejection(err error) error {
	r, ok := err.(*httpRefusal) //nolint:errorlint // made in this package and never wrapped
	if !ok {
		return err
	}
	options := []ws.RejectOption{ws.RejectionStatus(r.status), ws.RejectionReason(r.reason)}
	if r.retry {
		options = append(options, ws.RejectionHeader(retryAfter))
	}
	return ws.RejectConnectionError(options...)
}

// A kind of refusal is told so many times at once, then once in tellEvery. One kind does not use up
// the lines of another.
const (
	tellAtOnce = 5
	tellEvery  = 10 * time.Second
	tellRest   = time.Minute // how often the number of those that were not told is told
)

// maxTold is how many bytes of a client's header the log repeats.
const maxTold = 128

// refusals writes to the log who was refused and why. A log at the level debug has all of them.
type refusals struct {
	log   *slog.Logger
	kinds map[string]*refusalKind // by HTTP status; immutable
}

type refusalKind struct {
	lines   *rate.Limiter
	leftOut atomic.Int64 // refusals without a line; run takes them
}

func newRefusals(log *slog.Logger, statuses []string) *refusals {
	r := &refusals{log: log, kinds: map[string]*refusalKind{}}
	for _, status := range statuses {
		r.kinds[status] = &refusalKind{lines: rate.NewLimiter(rate.Every(tellEvery), tellAtOnce)}
	}
	return r
}

// tell is safe for concurrent use by multiple goroutines. The line has nothing of the request but
// the names of the page and the host, where they are the reason: no key, no query, and no text that
// the reason quotes.
func (r *refusals) tell(c *conn, h handshake.Head, status string, reason error, quotes bool) {
	kind := r.kinds[status]
	if kind == nil {
		kind = r.kinds[other]
	}
	if !kind.lines.Allow() && !r.log.Enabled(context.Background(), slog.LevelDebug) {
		kind.leftOut.Add(1)
		return
	}
	why := reason.Error()
	if begin, end := strings.IndexByte(why, '"'), strings.LastIndexByte(why, '"'); quotes && begin < end {
		why = why[:begin] + "(left out)" + why[end+1:]
	}
	line := r.log.With("address", c.RemoteAddr(), "role", c.identity.Role, "status", status, "reason", why)
	if status == strconv.Itoa(http.StatusForbidden) {
		line = line.With("origin", h.Origin[:min(len(h.Origin), maxTold)], "host", h.Host[:min(len(h.Host), maxTold)])
	}
	line.Info("handshake refused")
}

// run tells now and then, and when stop closes, how many refusals had no line.
func (r *refusals) run(stop <-chan struct{}) {
	ticker := time.NewTicker(tellRest)
	defer ticker.Stop()
	for going := true; going; {
		select {
		case <-ticker.C:
		case <-stop:
			going = false
		}
		for status, kind := range r.kinds {
			if n := kind.leftOut.Swap(0); n > 0 {
				r.log.Info("more handshakes were refused", "status", status, "left_out", n)
			}
		}
	}
}

// closeRefused closes after a refusal, once the peer has read it: see conn.linger.
func closeRefused(nc net.Conn) {
	s := socket{Conn: nc}
	if s.halfClose() == nil && nc.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(nc, maxHead))
	}
	nc.Close()
}
