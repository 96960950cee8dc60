package transport

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/handshake"
	"backbone/internal/proxied"
	"backbone/protocol"
)

const (
	maxHead   = handshake.MaxBytes
	headBytes = 2 << 10 // enough for the heads of most clients
)

// httpRefusal is a handshake that is answered with an HTTP status.
type httpRefusal struct { //nolint:errname // an error only to the upgrader: it is a reply
	status int
	reason string
	why    string // for the log; "": the reason
	retry  bool   // the client can try again later
}

func (r *httpRefusal) Error() string { return r.reason }

func busy(reason string) error {
	return &httpRefusal{status: http.StatusServiceUnavailable, reason: reason, retry: true}
}

func tooManyRequests(reason string) error {
	return &httpRefusal{status: http.StatusTooManyRequests, reason: reason, retry: true}
}

// retryAfter tells a client how many seconds to wait before it tries again.
var retryAfter = ws.HandshakeHeaderHTTP{"Retry-After": {"1"}}

// challenge is what HTTP wants a 401 to name (RFC 9110, section 11.6.1).
var challenge = ws.HandshakeHeaderHTTP{"WWW-Authenticate": {"Bearer"}}

// accept reads the head of a connection's first request and upgrades the connection if the
// request is for a WebSocket path. Everything else goes to the HTTP server.
func (s *Server) accept(p *place) {
	buf := s.arena.heads.Get().(*[headBytes]byte)
	defer s.arena.heads.Put(buf)
	text, rest, err := s.head(p, buf[:0])
	if err != nil {
		s.unfinished(p, err)
		s.registry.leave(p)
		return
	}
	role, ok := roleFor(handshake.Path(text), s.opts.PathPrefix)
	if !ok || !handshake.Whole(text) {
		s.web.take(&replayConn{Conn: p.conn, head: slices.Concat(text, rest), place: p})
		return
	}
	c := s.newConn(p, role)
	p.client = c
	if err := s.upgrade(c, text); err != nil {
		linger(&c.socket, maxHead)
		c.socket.Close()
		s.registry.leave(p)
		return
	}
	if role == protocol.Consumer {
		if err := limitUnsent(p.conn); err != nil {
			s.log.Debug("the kernel's send buffer could not be bounded", "address", c.RemoteAddr(), "error", err)
		}
	}
	s.stats.accepted.add(1)
	s.log.Debug("connection opened", "address", c.RemoteAddr(), "role", role, "name", c.identity.Name, "key_line", c.place.granted.Line())
	if err := c.start(rest); err != nil {
		c.end(err)
		return
	}
	s.goes.Go(c.read.ReadPump) // on a stack that the handshake has not grown
}

// head reads the head of the first request. Then the answer has a time of its own.
func (s *Server) head(p *place, buf []byte) (text, rest []byte, err error) {
	if err := p.conn.SetDeadline(p.opening.until); err != nil {
		return nil, nil, err
	}
	if s.opts.Proxies.Header {
		if err := s.proxyHeader(p); err != nil {
			return nil, nil, err
		}
	}
	var r io.Reader = p.conn
	if !isTLS(p.conn) { // below TLS it reads patiently already
		r = p.opening
	}
	if text, rest, err = handshake.Read(r, buf); err != nil {
		return nil, nil, err
	}
	p.opening.spent = true
	return text, rest, p.conn.SetDeadline(time.Now().Add(p.opening.most))
}

// proxyHeader reads the PROXY header that a connection begins with, below TLS.
func (s *Server) proxyHeader(p *place) error {
	sender, err := s.opts.Proxies.Sender(p.peer, p.opening)
	if err != nil {
		return err
	}
	shown := ""
	if sender != p.peer {
		p.peer, shown = sender, sender.String()
	}
	s.registry.isFrom(p, sender.Addr(), shown)
	return nil
}

// forwarded finds out whose a request is by what proxies have added to it. The address is not valid if
// it has none.
func (s *Server) forwarded(p *place, h handshake.Head) netip.Addr {
	peer := p.peer.Addr()
	if !s.opts.Proxies.Trusted.Believe(peer) {
		return peer
	}
	from, ok := s.opts.Proxies.Trusted.Client(peer, h.ForwardedFor, h.Forwarded)
	if !ok {
		s.stats.unread.add(1)
	}
	shown := ""
	if from != peer {
		shown = from.String()
	}
	s.registry.isFrom(p, from, shown)
	return from
}

// unfinished counts a connection that ended before a whole request had come, and closes it.
func (s *Server) unfinished(p *place, err error) {
	foreign, isForeign := errors.AsType[handshake.ForeignError](err)
	to := &socket{Conn: p.conn}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && record.Conn != nil {
		foreign, isForeign = handshake.ForeignError(cmp.Or(handshake.Foreign(record.RecordHeader[:], false), withoutTLS)), true
		to.Conn = bottom(p.conn) // TLS has not begun
	}
	switch text := err.Error(); {
	case isForeign:
		s.stats.unfinished.count(noHTTP)
		s.refusals.Tell(foreignKind(string(foreign)), "address", p.remote())
		body := told(foreign, isTLS(p.conn))
		if _, err := fmt.Fprintf(to, refuseForeign, len(body), body); err == nil {
			linger(to, maxHead)
		}
	case errors.Is(err, proxied.ErrNoHeader), errors.Is(err, proxied.ErrBadHeader):
		s.stats.unfinished.count(noProxy)
		s.refusals.Tell(noProxyHeader, "address", p.remote(), "reason", text)
	case p.closed.Load(): // by the registry, which counts what it pushes out
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.stats.unfinished.count(timedOut)
		s.stats.limited.count(limitHandshake)
	case strings.Contains(text, "tls: "): // also "remote error: tls: " and "local error: tls: "
		s.stats.unfinished.count(badTLS)
		if strings.HasSuffix(text, "bad record MAC") { // OpenSSL gives up before it encrypts what it says
			text += ": likely a client that does not trust the certificate"
		}
		s.refusals.Tell(tlsFailed, "address", p.remote(), "reason", text)
	default:
		s.stats.unfinished.count(gone)
	}
	bottom(p.conn).Close()
}

// told is what the peer is told, by whether the port speaks TLS.
func told(e handshake.ForeignError, overTLS bool) string {
	speaks := "HTTP and WebSocket"
	if overTLS {
		speaks = "WebSocket over TLS" // short: clients show the begin of it
	}
	return "this port speaks " + speaks + "; " + e.Error()
}

const refuseForeign = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"

// roleFor returns the role that the path of a WebSocket, behind the prefix, gives its client.
func roleFor(path, prefix string) (protocol.Role, bool) {
	path, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return "", false
	}
	switch path {
	case protocol.PathConsume:
		return protocol.Consumer, true
	case protocol.PathIngest:
		return protocol.Ingestor, true
	}
	return "", false
}

// upgrade replies to the handshake. On success c is open for the registry.
func (s *Server) upgrade(c *conn, text []byte) error {
	h, malformed := handshake.Parse(text)
	s.forwarded(c.place, h)
	var refused error // by admit
	u := ws.Upgrader{
		Protocol: func(p []byte) bool { return string(p) == protocol.Subprotocol },
		OnRequest: func([]byte) error {
			if malformed != nil {
				return rejection(&httpRefusal{status: http.StatusBadRequest, reason: "bad handshake: " + malformed.Error()})
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			refused = s.admit(c, h)
			return nil, rejection(refused)
		},
	}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(h.Text), c.socket.Conn})
	if err == nil {
		return nil
	}
	status := other
	if r, ok := err.(interface{ StatusCode() int }); ok {
		status = strconv.Itoa(r.StatusCode())
	}
	s.stats.refused.count(status)
	if r, ok := refused.(*httpRefusal); ok && r.why != "" { //nolint:errorlint // made in this package and never wrapped
		err = errors.New(r.why)
	}
	s.tell(c, h, status, err, malformed != nil)
	return err
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
	if r.status == http.StatusUnauthorized {
		options = append(options, ws.RejectionHeader(challenge))
	}
	return ws.RejectConnectionError(options...)
}

// maxTold is how many bytes of a client's header the log repeats.
const maxTold = 128

// tell has the log say who was refused and why. The line has nothing of the request but the names
// of the page and the host, where they are the reason: no key, no query, and no text that the
// reason quotes.
func (s *Server) tell(c *conn, h handshake.Head, status string, reason error, quotes bool) {
	why := reason.Error()
	if begin, end := strings.IndexByte(why, '"'), strings.LastIndexByte(why, '"'); quotes && begin < end {
		why = why[:begin] + "(left out)" + why[end+1:]
	}
	s.refusals.Tell(statusKind(s.stats.refused.listed(status)), refusedLine(c.place, c.identity.Role, h, status, why)...)
}

// refusedLine is what the log says of somebody who was refused.
func refusedLine(p *place, role protocol.Role, h handshake.Head, status, why string) []any {
	line := []any{"address", p.remote(), "role", role, "reason", why}
	if status == strconv.Itoa(http.StatusForbidden) {
		line = append(line, "origin", h.Origin[:min(len(h.Origin), maxTold)], "host", h.Host[:min(len(h.Host), maxTold)])
	}
	return line
}
