package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/awake"
	"backbone/internal/dialer"
	"backbone/protocol"
)

// maxServerMessage bounds a message from the server, bytes. The longest is the reply
// to a join of many rooms that were rejected one by one.
const maxServerMessage = 1 << 20

// dial makes one attempt at a server.
func (s *session) dial(parent context.Context, to *target) (*connection, *ConnectError) {
	ctx, cancel := awake.WithTimeout(parent, s.opt.DialTimeout)
	defer cancel()
	began := time.Now()

	wires := make(chan *wireConn, 1)
	transport := &http.Transport{
		// The transport's own context outlives the attempt; this one does not.
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			c, err := s.dialWire(ctx, began, network, address)
			if err != nil {
				return nil, err
			}
			select {
			case wires <- c:
				if ctx.Err() != nil { // the attempt may have ended already
					return nil, errors.Join(ctx.Err(), c.Close())
				}
				return c, nil
			default: // dial closes only one connection of an attempt
				return nil, errors.Join(errors.New("the attempt has its connection already"), c.Close())
			}
		},
		DisableKeepAlives: true,
	}
	if s.opt.DialContext == nil {
		transport.Proxy = http.ProxyFromEnvironment
	}
	if s.opt.TLSConfig != nil {
		transport.TLSClientConfig = s.opt.TLSConfig.Clone()
	}
	header := s.opt.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	expires, err := s.credentials(ctx, to, header)
	if err != nil {
		return nil, &ConnectError{URL: to.Shown(s.servers.path), Err: err}
	}
	var conn *connection // set before anything is read
	ws, resp, err := websocket.Dial(ctx, to.To(s.servers.path), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: keepKey,
		},
		HTTPHeader:   header,
		Subprotocols: []string{protocol.Subprotocol},
		OnPingReceived: func(_ context.Context, said []byte) bool {
			conn.pinged(said)
			return false // the writer answers
		},
	})
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && parent.Err() == nil {
			err = fmt.Errorf("no answer within %v: %w", s.opt.DialTimeout, context.DeadlineExceeded)
		}
		cancel()
		select {
		case c := <-wires: // the transport may still use it, for example in the TLS handshake
			_ = c.Close()
		default:
		}
		return nil, connectError(to, s.servers.path, resp, err)
	}
	ws.SetReadLimit(maxServerMessage)
	conn = newConnection(ws, <-wires, s.opt.MaxInFlight)
	conn.secure, conn.expires = to.Secure(), expires
	return conn, nil
}

// keepKey follows no redirect, because net/http would send the key to the host of the redirect.
func keepKey(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// dialWire makes the connection of an attempt that has begun then.
func (s *session) dialWire(ctx context.Context, began time.Time, network, address string) (*wireConn, error) {
	dial := s.opt.DialContext
	if dial == nil {
		dial = dialer.New(s.opt.ReceiveBuffer).DialContext
	}
	// A dialer divides the time until its deadline among the addresses of a host.
	due := began.Add(s.opt.DialTimeout)
	timed, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	c, err := dial(timed, network, address)
	if err != nil && ctx.Err() == nil && time.Since(due) >= awake.MinMissed { // this process did not run meanwhile
		c, err = dial(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	if b, ok := c.(interface{ SetReadBuffer(bytes int) error }); ok && s.opt.ReceiveBuffer > 0 {
		if err := b.SetReadBuffer(s.opt.ReceiveBuffer); err != nil {
			return nil, errors.Join(fmt.Errorf("Options.ReceiveBuffer: %w", err), c.Close())
		}
	}
	return newWireConn(c), nil
}

func connectError(to *target, path string, resp *http.Response, err error) *ConnectError {
	e := &ConnectError{URL: to.Shown(path), Err: err}
	if resp == nil {
		if in, ok := errors.AsType[*url.Error](err); ok {
			e.Err = in.Err // without a second mention of the URL
		}
		return e
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return e // but no WebSocket of ours; err says what is wrong
	}
	e.Status = resp.StatusCode
	if e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable {
		e.RetryAfter = parseRetryAfter(resp.Header)
	}
	e.Err = fmt.Errorf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	if body, readErr := io.ReadAll(resp.Body); readErr == nil {
		if text := strings.Join(strings.Fields(string(body)), " "); text != "" {
			e.Err = fmt.Errorf("%w: %s", e.Err, clip(text))
		}
	}
	return e
}

// renewalID is the id of a request with a new token. No call has it.
const renewalID = math.MaxUint64

// When a token is replaced.
const (
	renewalLead  = 2 * time.Minute // before it expires; less for one with a short life
	renewalRetry = 30 * time.Second
	renewalLeast = time.Second // between two attempts
)

// credentials puts those of an attempt into its header, and returns when they expire: zero, if they
// do not say.
func (s *session) credentials(ctx context.Context, to *target, header http.Header) (expires time.Time, err error) {
	if s.opt.APIKey != "" {
		header.Set(protocol.HeaderAPIKey, s.opt.APIKey)
	}
	if s.opt.Token == nil {
		return time.Time{}, nil
	}
	token, err := s.freshToken(ctx)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("Options.Token: %w", err)
	case token == "":
	case to.HoldsCredentials(): // which take the other header
		header.Set(protocol.HeaderAPIKey, token)
	default:
		header.Set("Authorization", "Bearer "+token)
	}
	return expiry(token), nil
}

// freshToken asks the program. A renewal and a move to another server ask one after the other.
func (s *session) freshToken(ctx context.Context) (string, error) {
	select {
	case s.asking <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-s.asking }()
	return s.opt.Token(ctx)
}

// expiry is when a token says that it expires; zero: it does not say. Nothing of it is verified: that
// is for the server.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > math.MaxInt32*1000 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// renewal is a server's answer to a new token.
type renewal struct {
	accepted bool
	older    bool      // the server does not know the request
	expires  time.Time // zero: never
}

func newRenewal(m *protocol.ServerMessage) renewal {
	r := renewal{accepted: m.Type == protocol.TypeAuthenticated, older: m.Code == protocol.CodeUnknownType}
	if m.Expires > 0 {
		r.expires = time.UnixMilli(m.Expires)
	}
	return r
}

// renew keeps the credentials of conn good until the function that it returns is called.
func (s *session) renew(conn *connection) (stop func()) {
	if s.opt.Token == nil || conn.expires.IsZero() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keepRenewed(ctx, conn)
	}()
	return func() {
		cancel()
		<-done
	}
}

// keepRenewed replaces the token before it expires, and the next one likewise. Once it has expired
// the server closes the connection, and the next attempt asks for another.
func (s *session) keepRenewed(ctx context.Context, conn *connection) {
	for expires := conn.expires; !expires.IsZero(); {
		left := time.Until(expires)
		lead := min(left/4, renewalLead)
		if !sleep(ctx, left-lead-random(lead/2, jitter())) { // not all clients at once
			return
		}
		for {
			r, sent := s.tryRenewal(ctx, conn, expires)
			if r.accepted {
				expires = r.expires
				break
			}
			left := time.Until(expires)
			if sent && r.older || left <= 0 || !sleep(ctx, max(min(left/2, renewalRetry), renewalLeast)) {
				return
			}
		}
	}
}

// tryRenewal sends a token that is good for longer, if there is one.
func (s *session) tryRenewal(ctx context.Context, conn *connection, expires time.Time) (r renewal, sent bool) {
	token, err := s.freshToken(ctx)
	if next := expiry(token); err != nil || token == "" || !next.IsZero() && !next.After(expires) {
		return r, false
	}
	request := encode(protocol.ClientMessage{Type: protocol.TypeAuth, Token: token, ID: strconv.FormatUint(renewalID, 10)})
	conn.token.Store(&request)
	conn.signalUrgent()
	select {
	case r = <-conn.renewed:
		return r, true
	case <-ctx.Done():
		return r, false
	}
}
