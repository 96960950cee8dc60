package server

import (
	"encoding/json"
	"net/http"

	"backbone/protocol"
)

// readiness is the body of /readyz.
type readiness struct {
	Status  string  `json:"status"`             // ready, or draining
	Bridge  string  `json:"bridge"`             // off, connecting, ok or degraded
	SinceMS int64   `json:"since_ms,omitempty"` // when this state of the bridge began, Unix time in milliseconds
	Shards  []shard `json:"shards,omitempty"`   // the Redis servers

	Upstream string `json:"upstream,omitempty"` // of an edge: connected, or away
}

type shard struct {
	Name    string `json:"name"`
	Bridge  string `json:"bridge"`
	SinceMS int64  `json:"since_ms"`
	Cause   string `json:"cause,omitempty"` // why it is not ok, without what only the log may say
}

// health serves the state of the instance to load balancers and operators. An instance that
// has lost Redis is still ready, because local routing does not need Redis. An edge that has lost its
// upstream is too: it has the newest prices that its consumers can get here, and tells them.
func (s *Server) health() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.PathHealth, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET "+protocol.PathReady, func(w http.ResponseWriter, _ *http.Request) {
		r := s.readiness()
		status := http.StatusOK
		if r.Status == "draining" {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "1")
		}
		writeJSON(w, status, r)
	})
	return mux
}

func (s *Server) readiness() readiness {
	r := readiness{Status: "ready", Bridge: "off"}
	if s.stopping.Load() {
		r.Status = "draining"
	}
	if s.upstream != nil {
		u := s.upstream.Status()
		r.Bridge, r.SinceMS, r.Upstream = string(u.State), u.Since.UnixMilli(), "away"
		if u.Connected {
			r.Upstream = "connected"
		}
	}
	if s.bridge == nil {
		return r
	}
	b := s.bridge.Status()
	r.Bridge, r.SinceMS = string(b.State), b.Since.UnixMilli()
	for _, h := range b.Shards {
		r.Shards = append(r.Shards, shard{Name: h.Name, Bridge: string(h.State), SinceMS: h.Since.UnixMilli(), Cause: h.Cause})
	}
	return r
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("server: a body that cannot be encoded: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) //nolint:errcheck // the client is gone
}
