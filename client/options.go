package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"backbone/protocol"
)

// Options changes how a client connects. The zero value of every field is its default,
// and a nil *Options means all defaults. Dial copies it; maps and pointers in it must
// not be changed afterwards.
type Options struct {
	// APIKey is sent as the header X-API-Key. Default: none.
	APIKey string
	// Header is sent with each handshake. Default: nothing further.
	Header http.Header
	// TLSConfig is for wss URLs. Default: the system's roots.
	TLSConfig *tls.Config
	// DialContext makes the connection below WebSocket and TLS. Default: TCP, through
	// the proxy that the environment names for the URL, if any.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds one attempt, handshake included. Default: 10 s.
	DialTimeout time.Duration

	// KeepTrying makes Dial return a client that goes on trying where its first attempt
	// failed, as after a lost connection. A refusal is still an error. Default: Dial
	// fails with its first attempt.
	KeepTrying bool
	// BackoffBase and BackoffMax bound the random wait before an attempt: up to the
	// base, doubled with each failure in a row, up to the maximum. Defaults: 100 ms, 5 s.
	BackoffBase time.Duration
	BackoffMax  time.Duration
	// IdleTimeout is the silence after which the server is asked for a sign of life, and
	// PingTimeout how long it has to give one, before the connection counts as lost.
	// Defaults: 15 s, 10 s.
	IdleTimeout time.Duration
	PingTimeout time.Duration

	// ReceiveBuffer is the size of the socket's receive buffer in bytes. What waits there
	// is old, so it is small. But no more than about this much comes in a round trip: where
	// the server is far away and much is joined, it should be larger. Negative: the
	// system's own. Default: 64 KiB, which allows 0.8 MB/s from 100 ms away.
	ReceiveBuffer int
	// Buffer is the number of events that wait for the program. Conn only.
	// Default: 1024.
	Buffer int
	// OnMessage hears each message of the server before it is decoded, in the order
	// received, answers to requests included. The bytes are valid until it returns. A
	// message for which it returns true goes no further; an answer must go further, or the
	// call that waits for it never ends. Calls come one at a time, nothing is read
	// meanwhile, and Close waits for the one under way. For programs with a decoder of
	// their own: recorders, relays, load tools. Conn only. Default: none.
	OnMessage func(message []byte) bool
	// MarkEmpty asks for a NoSnapshot where a joined room has no last price. Conn only.
	MarkEmpty bool
	// Status asks for a FeedStatus where the feed of a joined room falls silent or is live
	// again, and for a LinkStatus. Conn only.
	Status bool

	// SendQueue is the number of messages that wait to be written. Default: 256 for an
	// Ingestor, 16 for a Conn.
	SendQueue int
	// MaxInFlight is the number of requests that wait for their answers. Further ones
	// block. Default: 1024 for an Ingestor, 64 for a Conn.
	MaxInFlight int
	// OnEvent hears what no call returns: Connected, Disconnected, and a *RequestError for
	// each event that was rejected and published without an acknowledgement. Calls come
	// one at a time, and answers wait until it returns, so it must return soon and must
	// not call the Ingestor's methods. Ingestor only. Default: none.
	OnEvent func(Event)
}

// withDefaults returns a copy with every zero field set.
func (o *Options) withDefaults(role protocol.Role) Options {
	var c Options
	if o != nil {
		c = *o
	}
	queue, flight := 16, 64
	if role == protocol.Ingestor {
		queue, flight = 256, 1024
	}
	c.DialTimeout = cmp.Or(c.DialTimeout, 10*time.Second)
	c.BackoffBase = cmp.Or(c.BackoffBase, 100*time.Millisecond)
	c.BackoffMax = cmp.Or(c.BackoffMax, 5*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 15*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, 10*time.Second)
	c.ReceiveBuffer = cmp.Or(c.ReceiveBuffer, 64<<10)
	c.Buffer = cmp.Or(c.Buffer, 1024)
	c.SendQueue = cmp.Or(c.SendQueue, queue)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, flight)
	return c
}

// check names the field that no client can work with.
func (o *Options) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", o.DialTimeout}, {"BackoffBase", o.BackoffBase}, {"BackoffMax", o.BackoffMax},
		{"IdleTimeout", o.IdleTimeout}, {"PingTimeout", o.PingTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("client: Options.%s: %v, expected a positive duration", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"Buffer", o.Buffer}, {"SendQueue", o.SendQueue}, {"MaxInFlight", o.MaxInFlight}} {
		if n.value < 0 {
			return fmt.Errorf("client: Options.%s: %d, expected a positive number", n.name, n.value)
		}
	}
	return nil
}

// endpoint returns rawURL with path where it has none.
func endpoint(rawURL, path string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("client: URL: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
	default:
		return nil, fmt.Errorf("client: URL %q: expected ws://host:port or wss://host:port", rawURL)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("client: URL %q: expected a host after the scheme", rawURL)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	return u, nil
}
