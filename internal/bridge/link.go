package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"

	"backbone/internal/partition"
)

// linkConnections is what a link consists of: one connection each to publish, to
// subscribe and to read.
const linkConnections = 3

// link is one set of connections to one Redis master. None of them is ever replaced: a
// link that breaks in any way is given up as a whole. Its calls may be made at once.
type link struct {
	client   rueidis.Client // publishes
	sub      rueidis.DedicatedClient
	reader   rueidis.DedicatedClient
	broken   <-chan error // one error, or closed, once nothing is received any more
	doubts   chan error   // one place: why the reading connection is of no use
	identity identity
	script   script
	sharded  bool // Pub/Sub by slot
	together bool // a call may be for several partitions; set by rehearse
}

// identity is what distinguishes a Redis from another one at its address. It is empty
// where the user may not ask.
type identity struct{ runID, role string }

// dial connects. When ctx ends all sockets are closed at once, whatever they are doing:
// this is what makes close return when the server is frozen.
func (s *shard) dial(ctx context.Context) (*link, error) {
	client, err := rueidis.NewClient(connection(ctx, s.redis, s.opts, linkConnections))
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, err
	}
	l := &link{client: client, doubts: make(chan error, 1), script: s.script, sharded: s.sharded}
	l.sub, _ = client.Dedicate()
	l.reader, _ = client.Dedicate()
	return l, nil
}

// connection completes opt for a client that makes so many connections and no more, of
// which all end with ctx.
func connection(ctx context.Context, opt rueidis.ClientOption, o *Options, connections int32) rueidis.ClientOption {
	opt.ForceSingleClient = true
	opt.PipelineMultiplex = -1  // one connection, or commands could overtake one another
	opt.BlockingPipeline = -1   // large pipelines must not move to another connection
	opt.AlwaysPipelining = true // so that a call ends when its context does
	opt.DisableRetry = true     // what is of unknown fate is not repeated
	opt.DisableCache = true     //
	opt.AlwaysRESP2 = false     // push messages need RESP3
	opt.Dialer.Timeout = o.DialTimeout
	opt.ConnWriteTimeout = o.CallTimeout
	opt.RingScaleEachConn = 8
	opt.ReadBufferEachConn, opt.WriteBufferEachConn = 64<<10, 64<<10
	if opt.ClientName == "" {
		opt.ClientName = "backbone"
	}
	opt.DialCtxFn = dialOnce(ctx, opt.DialCtxFn, connections)
	return opt
}

// dialFunc makes a connection, as the library asks for it.
type dialFunc = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error)

// dialOnce lets the library make its connections, and refuses any more:
// it would replace a broken one without telling.
func dialOnce(session context.Context, unix dialFunc, limit int32) dialFunc {
	var made atomic.Int32
	return func(_ context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		if made.Add(1) > limit {
			return nil, errors.New("the connection is lost")
		}
		ctx, cancel := context.WithTimeout(session, dialer.Timeout)
		defer cancel()
		var conn net.Conn
		var err error
		if unix != nil {
			conn, err = unix(ctx, address, dialer, config)
		} else {
			conn, err = dialer.DialContext(ctx, "tcp", address)
		}
		if err != nil {
			return nil, err
		}
		context.AfterFunc(session, func() { _ = conn.Close() })
		if config == nil {
			return conn, nil
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

// close ends what the library has running. The link's context must have ended.
func (l *link) close() {
	// A dedicated client is closed, not released: releasing it would send UNSUBSCRIBE
	// and wait for the answer without limit.
	l.sub.Close()
	l.reader.Close()
	l.client.Close()
}

// subscribe subscribes to channels and returns when Redis has confirmed each of them.
// From then on received is called in order, by one goroutine; lost is called when Redis
// takes a subscription away.
func (l *link) subscribe(ctx context.Context, channels []string, received func(channel, message string), lost func(channel string)) error {
	confirmed := make(chan struct{})
	waiting := make(map[string]bool, len(channels)) // owned by the library's reader from here on
	for _, c := range channels {
		waiting[c] = true
	}
	l.broken = l.sub.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { received(m.Channel, m.Message) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if strings.HasSuffix(s.Kind, "unsubscribe") {
				lost(s.Channel)
				return
			}
			if waiting[s.Channel] {
				delete(waiting, s.Channel)
				if len(waiting) == 0 {
					close(confirmed)
				}
			}
		},
	})
	// The answer to a command comes with its first confirmation already.
	for _, r := range l.sub.DoMulti(ctx, l.subscriptions(channels)...) {
		if err := r.Error(); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	select {
	case <-confirmed:
		return nil
	case err := <-l.broken:
		return fmt.Errorf("subscribe: %w", orLost(err))
	case <-ctx.Done():
		return fmt.Errorf("subscribe: %w", ctx.Err())
	}
}

// subscriptions are the commands for channels: one, or in a cluster one for each, since
// those of one command must share a slot.
func (l *link) subscriptions(channels []string) (cmds []rueidis.Completed) {
	if !l.sharded {
		return []rueidis.Completed{l.sub.B().Subscribe().Channel(channels...).Build()}
	}
	for _, c := range channels {
		cmds = append(cmds, l.sub.B().Ssubscribe().Channel(c).Build())
	}
	return cmds
}

func orLost(err error) error {
	if err == nil {
		return errors.New("the subscribing connection is lost")
	}
	return err
}

// prepare loads the script, learns whom it talks to, and tries whether it may publish
// to the partitions that the master holds.
func (l *link) prepare(ctx context.Context, n names, held partition.Set) (err error) {
	if err := l.reader.Do(ctx, l.reader.B().Ping().Build()).Error(); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	b := l.client.B()
	res := l.client.DoMulti(ctx, b.ScriptLoad().Script(l.script.text).Build(),
		b.Info().Section("server").Build(), b.Info().Section("replication").Build())
	if err := res[0].Error(); err != nil {
		return fmt.Errorf("script load: %w", err)
	}
	if l.identity, err = decodeIdentity(res[1], res[2]); err != nil {
		return err
	}
	if l.identity.role != "" && l.identity.role != "master" {
		return fmt.Errorf("the server is a %s: expected a master", l.identity.role)
	}
	return l.rehearse(ctx, n, held)
}

// whoami asks the server who it is.
func (l *link) whoami(ctx context.Context) (identity, error) {
	b := l.client.B()
	res := l.client.DoMulti(ctx, b.Info().Section("server").Build(), b.Info().Section("replication").Build())
	return decodeIdentity(res[0], res[1])
}

func (l *link) load(ctx context.Context) error {
	if err := l.client.Do(ctx, l.client.B().ScriptLoad().Script(l.script.text).Build()).Error(); err != nil {
		return fmt.Errorf("script load: %w", err)
	}
	return nil
}

// beat publishes a heartbeat, and makes sure that the server is the one that it was.
func (l *link) beat(ctx context.Context, channel, message string) error {
	b := l.client.B()
	publish := b.Publish().Channel(channel).Message(message).Build
	if l.sharded {
		publish = b.Spublish().Channel(channel).Message(message).Build
	}
	res := l.client.DoMulti(ctx, publish(),
		b.Info().Section("server").Build(), b.Info().Section("replication").Build())
	if err := res[0].Error(); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	now, err := decodeIdentity(res[1], res[2])
	if err != nil {
		return err
	}
	return l.same(now)
}

func (l *link) same(now identity) error {
	if now.role != l.identity.role {
		return fmt.Errorf("the server is a %s now", now.role)
	}
	if now.runID != l.identity.runID {
		return errors.New("another server answers at this address")
	}
	return nil
}

func decodeIdentity(server, replication rueidis.RedisResult) (id identity, err error) {
	for _, r := range []rueidis.RedisResult{server, replication} {
		info, err := r.ToString()
		if denied, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(denied.Error(), "NOPERM") {
			continue
		}
		if err != nil {
			return id, fmt.Errorf("info: %w", err)
		}
		for line := range strings.Lines(info) {
			line = strings.TrimSpace(line)
			if v, ok := strings.CutPrefix(line, "run_id:"); ok {
				id.runID = v
			}
			if v, ok := strings.CutPrefix(line, "role:"); ok {
				id.role = v
			}
		}
	}
	return id, nil
}
