package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"unicode"
)

// minToken is the least length of a token, which can be tried as often as the network allows.
const minToken = 16

// Token is what an operator has to send, as "Authorization: Bearer TOKEN". The zero value asks for
// none. Its methods are safe for concurrent use by multiple goroutines.
type Token struct {
	hash atomic.Pointer[[sha256.Size]byte] // nil: none is asked for
}

// Set takes what a token file holds. The error says what is wrong with it, without showing it, and
// leaves the token as it was. Set reports whether it is another token than before.
func (t *Token) Set(file []byte) (changed bool, err error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(file), "\ufeff"))
	switch {
	case text == "":
		return false, errors.New("holds no token")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return false, errors.New("must hold one token: it has a blank in it")
	case len(text) < minToken:
		return false, fmt.Errorf("the token has fewer than %d characters and may be guessed: make one with openssl rand -hex 32", minToken)
	}
	hash := sha256.Sum256([]byte(text))
	old := t.hash.Swap(&hash)
	return old == nil || *old != hash, nil
}

// guard lets through who sends the token.
func (t *Token) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := t.hash.Load(); want != nil {
			scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			got := sha256.Sum256([]byte(strings.TrimSpace(sent)))
			if same := subtle.ConstantTimeCompare(got[:], want[:]); same != 1 || !strings.EqualFold(scheme, "Bearer") {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "this page needs the token of --admin-token-file, as Authorization: Bearer TOKEN", http.StatusUnauthorized)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
