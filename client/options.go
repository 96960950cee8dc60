package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options are the options that [ConnOptions] and [IngestorOptions] have in common. The zero
// value of a field means its default. Dial and DialIngestor copy the struct; maps and pointers
// in it must not be changed afterwards.
type Options struct {
	// APIKey is sent as the header X-API-Key. Default: none.
	APIKey string
	// Token returns the token, or the key, to connect with. It is called before each attempt to connect
	// and, if the token says when it expires (JWT), some time before that: the new one takes the place
	// of the old one without a new connection. So Token should return a token that is good for some
	// minutes, and can return the same one again as long as it is. It must return when ctx ends.
	// Calls by one client do not overlap. After an error an attempt counts as failed, and the next one calls
	// Token again. The token is sent in the header Authorization, or in X-API-Key if the URL holds a
	// user. It is never in an error or an event of this package. APIKey must be empty. Default: none.
	Token func(ctx context.Context) (string, error)
	// Header is sent with each handshake. Default: no further headers.
	Header http.Header
	// TLSConfig is for wss URLs. Default: the system's roots.
	TLSConfig *tls.Config
	// DialContext makes the connection below WebSocket and TLS. Default: TCP, through
	// the proxy that the environment names for the URL, if any.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds the attempt at each URL, handshake included. Default: 10 s.
	DialTimeout time.Duration

	// KeepTrying makes Dial succeed even if its first attempt fails. The client then goes on
	// trying, as after a lost connection. Dial still fails if the server refuses the client or
	// if Dial's context ends. Default: Dial fails with its first attempt.
	KeepTrying bool
	// BackoffBase and BackoffMax bound the random wait before an attempt, or with several URLs
	// before one at each. The bound starts at the base and doubles with each failure in a row, up to
	// the maximum. Defaults: 100 ms, 5 s.
	BackoffBase time.Duration
	BackoffMax  time.Duration
	// IdleTimeout is the silence after which the server is asked for a sign of life.
	// Default: 15 s.
	IdleTimeout time.Duration
	// PingTimeout is how long the server has to give a sign of life when it is asked for one.
	// After that the connection counts as lost. Default: 10 s.
	PingTimeout time.Duration

	// OnStateChange is called with each change of the [State], at once: before the events that still wait for
	// the program. The first call tells of the connection that Dial has made, the last one of the end. Calls
	// come one at a time, and nothing is received or tried again until it returns. So it must return soon, and
	// must not call Close. Default: none.
	OnStateChange func(State)
	// Logger logs when a connection comes and goes and why, refused rooms, and prices that were not sent: a
	// few lines for each connection, none for each event, and no secrets. Default: nothing is logged.
	Logger *slog.Logger

	// ReceiveBuffer is the size of the socket's receive buffer in bytes. It is small, because
	// events in it grow old. About this many bytes can arrive in one round trip, so make it
	// larger if the server is far away and many rooms are joined. Negative: the system's own.
	// Default: 64 KiB, which allows 0.8 MB/s from 100 ms away.
	ReceiveBuffer int
	// SendQueue is the number of messages that wait to be written. Default: 256 for an
	// Ingestor, 16 for a Conn.
	SendQueue int
	// MaxInFlight is the number of requests that wait for their replies. Further ones
	// block. Default: 1024 for an Ingestor, 64 for a Conn.
	MaxInFlight int
}

// ConnOptions changes how a [Conn] works. A nil *ConnOptions means all defaults.
type ConnOptions struct {
	Options

	// Buffer is the number of events that wait for the program. Default: 1024.
	Buffer int
	// Heartbeat asks the server for a [Heartbeat] whenever it had nothing else to send for so
	// long, in whole milliseconds. If nothing at all comes for two and a half times as long, the
	// connection counts as lost; for 2.5 s at least while the program is slow, because it is then
	// sent one message a second. That replaces IdleTimeout and PingTimeout once a room is joined.
	// A server that is older than heartbeats sends none. Default: no heartbeats.
	Heartbeat time.Duration
	// OnMessage is called with each message of the server before it is decoded, replies
	// included and marks not, in the order received. The bytes are valid until it returns. If it returns
	// true, the client does not handle the message. It must return false for a reply, because
	// otherwise the call that waits for the reply never ends. Calls come one at a time. Nothing
	// is read meanwhile, and Close waits for the call under way. OnMessage is for programs with
	// their own decoder: recorders, relays, load tools. Default: none.
	OnMessage func(message []byte) bool
}

// IngestorOptions changes how an [Ingestor] works. A nil *IngestorOptions means all
// defaults.
type IngestorOptions struct {
	Options

	// Outage says what becomes of events that are published while there is no connection. Default:
	// KeepNewest.
	Outage Outage
	// OutageBuffer bounds what is kept meanwhile, in bytes of messages and 256 for each of them. When
	// it is full the oldest is left out. Default: 16 MiB.
	OutageBuffer int
	// OnEvent is called with what no method returns: Connected, Disconnected, LeftOut, and a
	// *RequestError for each refused event that was published without an acknowledgement. Calls
	// come one at a time, and replies wait until it returns. So it must return soon and must
	// not call the Ingestor's methods. Default: none.
	OnEvent func(Event)
}

// settings are the options of either kind of client, with every default filled in.
type settings struct {
	Options
	buffer    int               // 0 for an Ingestor
	onMessage func([]byte) bool // nil for an Ingestor
	onEvent   func(Event)       // nil for a Conn
	heartbeat time.Duration     // 0 for an Ingestor

	outage       Outage
	outageBuffer int
}

func (o *ConnOptions) settings() settings {
	var c ConnOptions
	if o != nil {
		c = *o
	}
	return settings{
		Options: c.withDefaults(16, 64), buffer: cmp.Or(c.Buffer, 1024), onMessage: c.OnMessage,
		heartbeat: c.Heartbeat,
	}
}

func (o *IngestorOptions) settings() settings {
	var c IngestorOptions
	if o != nil {
		c = *o
	}
	return settings{
		Options: c.withDefaults(256, 1024), onEvent: c.OnEvent,
		outage: c.Outage, outageBuffer: cmp.Or(c.OutageBuffer, 16<<20),
	}
}

// withDefaults returns a copy with every zero field set.
func (o Options) withDefaults(queue, inFlight int) Options {
	o.DialTimeout = cmp.Or(o.DialTimeout, 10*time.Second)
	o.BackoffBase = cmp.Or(o.BackoffBase, 100*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, 5*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 15*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 10*time.Second)
	o.ReceiveBuffer = cmp.Or(o.ReceiveBuffer, 64<<10)
	o.SendQueue = cmp.Or(o.SendQueue, queue)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, inFlight)
	return o
}

// check returns an error that names the first field with an unusable value.
func (s *settings) check() error {
	if s.APIKey != "" && s.Token != nil {
		return errors.New("client: Options.APIKey and Options.Token exclude each other")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", s.DialTimeout}, {"BackoffBase", s.BackoffBase}, {"BackoffMax", s.BackoffMax},
		{"IdleTimeout", s.IdleTimeout}, {"PingTimeout", s.PingTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("client: Options.%s: %v, expected a positive duration", d.name, d.value)
		}
	}
	if h := s.heartbeat; h < 0 || h%time.Millisecond != 0 {
		return fmt.Errorf("client: ConnOptions.Heartbeat: %v, expected a positive number of whole milliseconds", h)
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"ConnOptions.Buffer", s.buffer}, {"Options.SendQueue", s.SendQueue}, {"Options.MaxInFlight", s.MaxInFlight}, {"IngestorOptions.OutageBuffer", s.outageBuffer}} {
		if n.value < 0 {
			return fmt.Errorf("client: %s: %d, expected a positive number", n.name, n.value)
		}
	}
	if s.outage < KeepNewest || s.outage > DropAll {
		return fmt.Errorf("client: IngestorOptions.Outage: %d, expected KeepNewest, KeepAll or DropAll", s.outage)
	}
	return nil
}
