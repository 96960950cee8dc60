package server

import (
	"net/http"
	"path"
	"strings"
)

// web serves what is not for a WebSocket: the state of the instance, prices and publishing.
func (s *Server) web() http.Handler {
	mux := s.health()
	mux.Handle("/v1/", s.api.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = s.withoutPrefix(r)
		if escaped := r.URL.EscapedPath(); escaped != path.Clean(escaped) { // the mux would redirect, which no WebSocket client follows
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// withoutPrefix is a request without --path-prefix in front of its path, if it has that.
func (s *Server) withoutPrefix(r *http.Request) *http.Request {
	rest, ok := strings.CutPrefix(r.URL.Path, s.cfg.PathPrefix+"/")
	if !ok || s.cfg.PathPrefix == "" {
		return r
	}
	at := *r.URL
	at.Path, at.RawPath = "/"+rest, ""
	if escaped, ok := strings.CutPrefix(r.URL.RawPath, s.cfg.PathPrefix+"/"); ok { // else nothing is escaped
		at.RawPath = "/" + escaped
	}
	r = r.Clone(r.Context())
	r.URL = &at
	return r
}
