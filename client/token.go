package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"backbone/protocol"
)

// renewalID is the id of a request with a new token. No call has it.
const renewalID = math.MaxUint64

// When a token is replaced.
const (
	renewalLead  = 2 * time.Minute // before it expires; less for one with a short life
	renewalRetry = 30 * time.Second
	renewalLeast = time.Second // between two attempts
)

// credentials puts those of an attempt into its header, and returns when they expire: zero, if they
// do not say.
func (s *session) credentials(ctx context.Context, to *target, header http.Header) (expires time.Time, err error) {
	if s.opt.APIKey != "" {
		header.Set(protocol.HeaderAPIKey, s.opt.APIKey)
	}
	if s.opt.Token == nil {
		return time.Time{}, nil
	}
	token, err := s.freshToken(ctx)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("Options.Token: %w", err)
	case token == "":
	case to.HoldsCredentials(): // which take the other header
		header.Set(protocol.HeaderAPIKey, token)
	default:
		header.Set("Authorization", "Bearer "+token)
	}
	return expiry(token), nil
}

// freshToken asks the program. A renewal and a move to another server ask one after the other.
func (s *session) freshToken(ctx context.Context) (string, error) {
	select {
	case s.asking <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-s.asking }()
	return s.opt.Token(ctx)
}

// expiry is when a token says that it expires; zero: it does not say. Nothing of it is verified: that
// is for the server.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > math.MaxInt32*1000 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// renewal is a server's answer to a new token.
type renewal struct {
	accepted bool
	older    bool      // the server does not know the request
	expires  time.Time // zero: never
}

func newRenewal(m *protocol.ServerMessage) renewal {
	r := renewal{accepted: m.Type == protocol.TypeAuthenticated, older: m.Code == protocol.CodeUnknownType}
	if m.Expires > 0 {
		r.expires = time.UnixMilli(m.Expires)
	}
	return r
}

// renew keeps the credentials of conn good until the function that it returns is called.
func (s *session) renew(conn *connection) (stop func()) {
	if s.opt.Token == nil || conn.expires.IsZero() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.keepRenewed(ctx, conn)
	}()
	return func() {
		cancel()
		<-done
	}
}

// keepRenewed replaces the token before it expires, and the next one likewise. Once it has expired
// the server closes the connection, and the next attempt asks for another.
func (s *session) keepRenewed(ctx context.Context, conn *connection) {
	for expires := conn.expires; !expires.IsZero(); {
		left := time.Until(expires)
		lead := min(left/4, renewalLead)
		if !sleep(ctx, left-lead-random(lead/2, jitter())) { // not all clients at once
			return
		}
		for {
			r, sent := s.tryRenewal(ctx, conn, expires)
			if r.accepted {
				expires = r.expires
				break
			}
			left := time.Until(expires)
			if sent && r.older || left <= 0 || !sleep(ctx, max(min(left/2, renewalRetry), renewalLeast)) {
				return
			}
		}
	}
}

// tryRenewal sends a token that is good for longer, if there is one.
func (s *session) tryRenewal(ctx context.Context, conn *connection, expires time.Time) (r renewal, sent bool) {
	token, err := s.freshToken(ctx)
	if next := expiry(token); err != nil || token == "" || !next.IsZero() && !next.After(expires) {
		return r, false
	}
	request := encode(protocol.ClientMessage{Type: protocol.TypeAuth, Token: token, ID: strconv.FormatUint(renewalID, 10)})
	conn.token.Store(&request)
	conn.signalUrgent()
	select {
	case r = <-conn.renewed:
		return r, true
	case <-ctx.Done():
		return r, false
	}
}
