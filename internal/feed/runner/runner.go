// Package runner keeps the connections to one exchange and hands over the prices that come: each
// once, in ascending order, with the digits of the exchange. What is left out is counted with its
// reason. It knows no exchange.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"backbone/internal/feed"
)

// Options say what to run. A zero means the default.
type Options struct {
	Exchange feed.Exchange
	Request  feed.Request

	// Publish takes prices in the order in which they are to be published. It is called from one
	// goroutine. While it has not returned prices are kept, and later only the newest of each
	// symbol; these are counted. An error ends Run.
	Publish func(ctx context.Context, prices []feed.Price) error
	// Log gets what is worth a line, each reason at most once a minute. Default: none.
	Log *slog.Logger

	// DialContext makes the connection below WebSocket and TLS. Default: TCP, through the proxy
	// that the environment names, if any.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// ConnectTimeout bounds an attempt to connect, and all attempts until the first connection.
	// Default: 5 s.
	ConnectTimeout time.Duration
	// Silence is when a symbol without data counts as silent. Default: one minute.
	Silence time.Duration
	// Idle ends Run with ErrIdle when no price came for so long. Default: never.
	Idle time.Duration
}

// ErrIdle is that no price came for Options.Idle.
var ErrIdle = errors.New("no price came in time")

// ErrRejected is that the exchange takes none of the symbols.
var ErrRejected = errors.New("the exchange takes none of the symbols")

// Runner is a running feed.
type Runner struct {
	o        Options
	parts    []feed.Part
	connects *rate.Limiter // its own locks
	http     *http.Client
	batches  chan []feed.Price
	reports  chan report
	accepted atomic.Bool            // a connection was made; set once
	barren   atomic.Int32           // parts of which the exchange takes no symbol
	status   atomic.Pointer[Status] // replaced by the journal
	start    time.Time
}

// New plans the connections. Its error is a mistake in the request.
func New(o Options) (*Runner, error) {
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.Silence = cmp.Or(o.Silence, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	parts, err := o.Exchange.Plan(o.Request)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		o: o, parts: parts, connects: rate.NewLimiter(rate.Inf, 1), http: &http.Client{Transport: newTransport(&o)},
		batches: make(chan []feed.Price, 16), reports: make(chan report, 16),
	}
	if n := o.Exchange.Limits.Connects; n > 0 {
		r.connects = rate.NewLimiter(rate.Every(time.Minute/time.Duration(n)), n)
	}
	first := &Status{Counts: map[feed.Reason]uint64{}}
	for i, p := range parts {
		for _, s := range p.Symbols {
			first.Symbols = append(first.Symbols, Symbol{Name: s, Connection: i + 1, State: Down})
		}
	}
	r.status.Store(first)
	return r, nil
}

func newTransport(o *Options) http.RoundTripper {
	t := &http.Transport{DisableKeepAlives: true, DialContext: o.DialContext}
	if o.DialContext == nil {
		t.Proxy = http.ProxyFromEnvironment
	}
	return refusing{t}
}

// Run runs until ctx ends, and then returns nil. It also ends with ErrIdle, ErrRejected, a
// *ConnectError before the first connection, a final *RefusedError, or an error of Publish.
// It is called once.
func (r *Runner) Run(ctx context.Context) error {
	r.start = time.Now()
	group, running := errgroup.WithContext(ctx)
	// The journal and the outlet outlive the keepers, whose last words they take.
	told := make(chan struct{})
	go func() {
		defer close(told)
		r.journal()
	}()
	for i := range r.parts {
		group.Go(func() error { return newKeeper(r, i).run(running) })
	}
	group.Go(func() error { return r.outlet(running) })
	err := group.Wait()
	close(r.reports)
	<-told
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// outlet publishes what the keepers hand over.
func (r *Runner) outlet(ctx context.Context) error {
	var idle <-chan time.Time
	timer := time.NewTimer(cmp.Or(r.o.Idle, time.Hour))
	defer timer.Stop()
	if r.o.Idle > 0 {
		idle = timer.C
	}
	for {
		select {
		case prices := <-r.batches:
			timer.Reset(cmp.Or(r.o.Idle, time.Hour))
			if err := r.o.Publish(ctx, prices); err != nil {
				return err
			}
		case <-idle:
			return ErrIdle
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ConnectError is that the exchange was not reached.
type ConnectError struct{ Err error }

func (e *ConnectError) Error() string { return feed.ClipTo(e.Err.Error(), maxError) }

// maxError bounds the text of an error of connecting, in bytes: it quotes what came instead of an
// answer.
const maxError = 300

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// RefusedError is an answer of the exchange to a handshake that is no connection.
type RefusedError struct {
	Status     int
	Body       string        // its beginning, in one line
	RetryAfter time.Duration // 0: it gave none
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the exchange answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Body != "" {
		text += ": " + e.Body
	}
	return text
}

// final reports whether trying again can not help.
func (e *RefusedError) final() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTeapot, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.Status < 500
}
