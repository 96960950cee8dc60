// Package admin serves the operator: metrics, profiles, health, and whatever else the instance
// offers to those who reach its admin address. A client that neither reads nor writes is closed.
package admin

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	sendHead   = 10 * time.Second // to send a head, and then a body
	takePiece  = 30 * time.Second // to take the next piece of a response
	idle       = 2 * time.Minute  // to send the next request
	pieceBytes = 16 << 10
	maxBody    = 64 << 10 // of a request
)

// Options say what is served.
type Options struct {
	Registry *prometheus.Registry
	Token    *Token                  // that all pages but Open ask for
	Listen   string                  // address of the listener; its host names the server even without a token
	Open     map[string]http.Handler // by pattern: pages that ask for no token, for probes
	Pages    map[string]http.Handler // by pattern
	Pprof    bool                    // serve /debug/pprof/
	Logger   *slog.Logger            // for complaints of the server and failed scrapes
}

// New returns a server of /metrics and the other pages.
func New(o Options) *http.Server {
	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		Registry: o.Registry,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
	}))
	if o.Pprof {
		guarded.HandleFunc("GET /debug/pprof/", pprof.Index)
		guarded.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		guarded.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		guarded.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		guarded.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
		guarded.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	for pattern, h := range o.Pages {
		guarded.Handle(pattern, h)
	}
	all := http.NewServeMux()
	all.Handle("/", o.Token.hosted(o.Listen, o.Token.guard(guarded)))
	for pattern, h := range o.Open {
		all.Handle(pattern, h)
	}
	return &http.Server{
		// ReadTimeout and WriteTimeout would end a profile, which takes as long as it is asked to.
		// A web page that the operator has open can send a request too: one that changes anything is refused.
		Handler:           timed(http.NewCrossOriginProtection().Handler(all)),
		ReadHeaderTimeout: sendHead,
		IdleTimeout:       idle,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
}

// timed bounds how long a client may take to send a body and to take a piece of the response.
func timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = c.SetReadDeadline(time.Now().Add(sendHead)) // in tests w can be a recorder
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		_ = c.SetWriteDeadline(time.Now().Add(takePiece))
		h.ServeHTTP(timedWriter{w, c}, r)
		_ = c.SetWriteDeadline(time.Now().Add(takePiece)) // of what net/http still holds
	})
}

type timedWriter struct {
	http.ResponseWriter
	conn *http.ResponseController
}

func (w timedWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		_ = w.conn.SetWriteDeadline(time.Now().Add(takePiece))
		var m int
		m, err = w.ResponseWriter.Write(p[:min(len(p), pieceBytes)])
		n, p = n+m, p[m:]
	}
	return n, err
}

// Unwrap lets handlers control the connection.
func (w timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
