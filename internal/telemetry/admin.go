package telemetry

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	adminHead  = 10 * time.Second // to send a head, and then a body
	adminWrite = 30 * time.Second // to take the next adminPiece bytes of a response
	adminIdle  = 2 * time.Minute  // to send the next request
	adminPiece = 16 << 10
)

// NewAdmin returns a server of /metrics and /debug/pprof/. It asks for no credentials. Its own
// complaints and failed scrapes are logged. A client that neither reads nor writes is closed.
func NewAdmin(reg *prometheus.Registry, log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		Registry: reg,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &http.Server{
		// ReadTimeout and WriteTimeout would end a profile, which takes as long as it is asked to.
		Handler:           timed(mux),
		ReadHeaderTimeout: adminHead,
		IdleTimeout:       adminIdle,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// timed bounds how long a client may take to send a body and to take a piece of the response.
func timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = c.SetReadDeadline(time.Now().Add(adminHead)) // in tests w can be a recorder
		}
		_ = c.SetWriteDeadline(time.Now().Add(adminWrite))
		h.ServeHTTP(timedWriter{w, c}, r)
		_ = c.SetWriteDeadline(time.Now().Add(adminWrite)) // of what net/http still holds
	})
}

type timedWriter struct {
	http.ResponseWriter
	conn *http.ResponseController
}

func (w timedWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		_ = w.conn.SetWriteDeadline(time.Now().Add(adminWrite))
		var m int
		m, err = w.ResponseWriter.Write(p[:min(len(p), adminPiece)])
		n, p = n+m, p[m:]
	}
	return n, err
}

// Unwrap lets handlers control the connection.
func (w timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
