package admin

import (
	"fmt"
	"net/http"
	"strings"

	"backbone/internal/hostname"
)

// hosted lets through who names the server by what no web page elsewhere can bring about while no token is
// asked for, see package hostname.
func (t *Token) hosted(listen string, h http.Handler) http.Handler {
	own := hostname.Of(listen)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostname.Of(r.Host); t.hash.Load() == nil && !hostname.Private(host) && !strings.EqualFold(host, own) {
			http.Error(w, fmt.Sprintf("no token is asked for here, so this page is not served as %.253q: ask for it by IP address or as localhost, or set a token", host), http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
