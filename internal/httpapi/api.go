// Package httpapi answers plain HTTP requests for one price and for publishing, for programs that keep no
// connection: curl, cron jobs, webhooks.
//
// It has no way of its own for events. A request is let in by transport as a handshake is. What it
// publishes goes through the domains to ingest, and a price is asked for by a member of the room that
// joins, takes its snapshot and leaves.
package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backbone/internal/auth"
	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/transport"
	"backbone/protocol"
)

// Options are what an API is built from.
type Options struct {
	Hub     *hub.Hub
	Ingest  *ingest.Ingest
	Limits  transport.Limits
	Origins auth.Origins
	// Visit is [transport.Server.Visit].
	Visit func(*http.Request, protocol.Role) (*transport.Visitor, *transport.Refusal)
}

// API serves the requests. Its methods are safe for concurrent use by multiple goroutines. Run is called
// once.
type API struct {
	// Immutable after New.
	opts     Options
	accounts *accounts
	decoders sync.Pool // of *common.Decoder
	timeout  time.Duration

	prices, publishes results
}

// New returns an API that refuses everything until Run.
func New(opts Options) *API {
	return &API{
		opts:      opts,
		accounts:  newAccounts(opts.Limits, opts.Ingest),
		decoders:  sync.Pool{New: func() any { return common.NewDecoder() }},
		timeout:   opts.Limits.HandshakeTimeout / 2, // an answer has as long as the answer to a handshake
		prices:    newResults(200, 400, 401, 403, 404, 429, 503),
		publishes: newResults(200, 207, 400, 401, 403, 408, 413, 415, 429, 503),
	}
}

// Run keeps the accounts of who sends requests. It returns when ctx ends.
func (a *API) Run(ctx context.Context) { a.accounts.run(ctx) }

// Handler serves the paths of the API, which begin with /v1/. Requests come through transport.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+protocol.PathPrice+"{instrument...}", a.counted(a.prices, a.price))
	mux.Handle("POST "+protocol.PathPublish, a.counted(a.publishes, a.publish))
	for _, path := range []string{protocol.PathPrice + "{instrument...}", protocol.PathPublish} {
		mux.HandleFunc("OPTIONS "+path, a.preflight)
	}
	return mux
}

// results counts answers by status.
type results struct {
	statuses []string // immutable
	counts   []atomic.Uint64
}

const other = "other"

func newResults(statuses ...int) results {
	r := results{counts: make([]atomic.Uint64, len(statuses)+1)}
	for _, s := range statuses {
		r.statuses = append(r.statuses, strconv.Itoa(s))
	}
	r.statuses = append(r.statuses, other)
	return r
}

func (r results) count(status int) {
	text, i := strconv.Itoa(status), 0
	for i < len(r.statuses)-1 && r.statuses[i] != text {
		i++
	}
	r.counts[i].Add(1)
}

func (r results) byStatus() map[string]uint64 {
	all := make(map[string]uint64, len(r.statuses))
	for i, s := range r.statuses {
		all[s] = r.counts[i].Load()
	}
	return all
}

// Statuses are the labels of the counters, of prices and of what was published.
func (a *API) Statuses() (prices, publishes []string) { return a.prices.statuses, a.publishes.statuses }

// Stats are counters since start, by HTTP status.
type Stats struct{ Prices, Publishes map[string]uint64 }

// Stats returns the counters as they are now.
func (a *API) Stats() Stats { return Stats{a.prices.byStatus(), a.publishes.byStatus()} }

// counted makes a handler of a function that returns its answer.
func (a *API) counted(results results, f func(*http.Request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.allowReading(w, r)
		done := f(r)
		results.count(done.status)
		done.write(w)
	})
}

// allowReading has a browser show the answer to a page that may connect. Visit refuses the others.
func (a *API) allowReading(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && a.opts.Origins.Allowed(origin, r.Host) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	}
}

// preflight tells a browser what pages of other origins may send, which it asks before it sends what a form
// could not.
func (a *API) preflight(w http.ResponseWriter, r *http.Request) {
	a.allowReading(w, r)
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, "+protocol.HeaderAPIKey)
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}
