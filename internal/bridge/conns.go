package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/rawio"
)

// keepAlive is the time between two probes of TCP.
const keepAlive = time.Second

// connections is how many connections a session has: one each to publish, to subscribe and
// to read.
const connections = 3

// redisConns is the connections of one session to its master. None of them is ever replaced:
// when one breaks in any way, all are given up. Its methods are safe for concurrent use by
// multiple goroutines.
type redisConns struct {
	client   rueidis.Client // publishes
	sub      rueidis.DedicatedClient
	reader   rueidis.DedicatedClient
	reading  *firstWords  // the connection of reader
	broken   <-chan error // one error, or closed, when nothing is received any more
	doubts   chan error   // one place: why the reading connection is useless
	identity identity
	scripts  scripts
	bySlot   bool // Pub/Sub by slot
	together bool // a call can be for several partitions; set by rehearse
	greeting *greeting
}

// dial connects. When ctx ends, all sockets are closed immediately, whatever they are doing.
// Only therefore does close return when the server is frozen.
func (s *shard) dial(ctx context.Context) (*redisConns, error) {
	greeting := new(greeting)
	client, err := rueidis.NewClient(connection(ctx, s.redis, s.shared.opts, connections, greeting))
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, greeting.explain(err)
	}
	c := &redisConns{client: client, greeting: greeting, doubts: make(chan error, 1), scripts: s.shared.scripts, bySlot: s.shared.bySlot}
	c.sub, _ = client.Dedicate()
	c.reader, _ = client.Dedicate()
	c.reading = greeting.last.Load()
	return c, nil
}

// connection completes opt for a client that makes a given number of connections and no more.
// All of them end with ctx.
func connection(ctx context.Context, opt rueidis.ClientOption, o *Options, limit int32, kept *greeting) rueidis.ClientOption {
	opt.ForceSingleClient = true
	opt.PipelineMultiplex = -1  // one connection, or commands could overtake one another
	opt.BlockingPipeline = -1   // large pipelines must not move to another connection
	opt.AlwaysPipelining = true // a call must end when its context does
	opt.DisableRetry = true     // a command of unknown fate must not be repeated
	opt.DisableCache = true     // nothing is read twice
	opt.AlwaysRESP2 = false     // push messages need RESP3
	opt.Dialer.Timeout = o.DialTimeout
	opt.Dialer.KeepAlive = -1 // no ping of the library, which excuses no time in which this process stood still
	opt.ConnWriteTimeout = o.CallTimeout
	opt.RingScaleEachConn = 8
	opt.ReadBufferEachConn, opt.WriteBufferEachConn = 64<<10, 64<<10
	if opt.ClientName == "" {
		opt.ClientName = "backbone"
	}
	opt.DialCtxFn = dialOnce(ctx, opt.DialCtxFn, limit, kept)
	return opt
}

// dialFunc makes a connection for the library.
type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

var errLost = errors.New("the connection is lost")

// dialOnce lets the library make its connections and refuses any more, because the library
// replaces a broken connection without a word.
func dialOnce(session context.Context, unix dialFunc, limit int32, kept *greeting) dialFunc {
	var made atomic.Int32
	return func(_ context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		if made.Add(1) > limit {
			return nil, errLost
		}
		ctx, cancel := context.WithTimeout(session, dialer.Timeout)
		defer cancel()
		var socket net.Conn
		var err error
		if unix != nil {
			socket, err = unix(ctx, address, dialer, config)
		} else {
			tcp := *dialer
			tcp.KeepAlive = keepAlive
			socket, err = tcp.DialContext(ctx, "tcp", address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(session, func() { _ = socket.Close() })
		conn := rawio.Wrap(socket)
		if config == nil {
			return kept.of(conn), nil
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = socket.Close()
			return nil, handshakeError(err)
		}
		return kept.of(secure), nil
	}
}

// close ends what the library has running. The context of dial must have ended.
func (c *redisConns) close() {
	// A dedicated client is closed, not released: a release would send UNSUBSCRIBE and wait
	// for the answer without limit.
	c.sub.Close()
	c.reader.Close()
	c.client.Close()
}
