package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
	ctx, cancel := withTimeout(parent, s.opt.DialTimeout)
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
		if ctx.Err() != nil && parent.Err() == nil && context.Cause(ctx) == context.DeadlineExceeded { //nolint:errorlint // as withTimeout gave it
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
