// Package auth decides who may connect, and to what: it has the keys of ingestors and of consumers,
// and the web origins that may connect.
package auth

import (
	"crypto/sha256"
	"sync/atomic"
	"time"

	"backbone/protocol"
)

// Identity is the name and role of a connection.
type Identity struct {
	Name string // of the key or token; empty where no credentials are asked for
	Role protocol.Role
}

// Grant is what the credentials of a connection allow in its role. It is immutable. nil is the grant
// of who needs no credentials: everything, for ever.
type Grant struct {
	Name    string    // of who has the credentials
	Expires time.Time // zero: never

	rooms  *Patterns         // to join or to publish; nil: all
	source [sha256.Size]byte // names the key, or that of the token, without showing it
	token  bool              // it comes from a token
	line   int               // of the key in its file; 0: it comes from no key

	certificate bool // it comes from a certificate
}

// Allows reports whether a room may be joined, or an instrument be published.
func (g *Grant) Allows(room string) bool { return g == nil || g.rooms.Match(room) }

// Bounded reports whether there are rooms that Allows refuses.
func (g *Grant) Bounded() bool { return g != nil && !g.rooms.everything() }

// SameRooms reports whether two grants allow the same rooms. Neither is nil.
func (g *Grant) SameRooms(o *Grant) bool { return g.rooms.equal(o.rooms) }

// Line is where the file had the key when it was read, from 1; 0 for who has none.
func (g *Grant) Line() int {
	if g == nil {
		return 0
	}
	return g.line
}

// same reports whether two grants allow the same to the same.
func (g *Grant) same(o *Grant) bool {
	return g.Name == o.Name && g.Expires.Equal(o.Expires) && g.SameRooms(o)
}

// Options are what an Access is built from.
type Options struct {
	Ingest  *Keys   // of ingestors; nil: there are none
	Consume *Keys   // of consumers; nil: there are none
	Tokens  *Tokens // of both; nil: there are none

	Certificates bool // clients can have them; ingestors then need one, or a key or token

	AllPublish bool // without a key or a token, though there are tokens; there must be no keys of ingestors
}

// Access is who may connect now. Its methods are safe for concurrent use by multiple goroutines.
type Access struct {
	tokens     *Tokens // immutable; nil: there are none
	allPublish bool    // immutable

	certificates bool // immutable

	ingest, consume atomic.Pointer[Keys] // nil: there are none; set by who reloads
}

// New returns an Access. Who has no credentials may do everything in a role for which there are none.
func New(o Options) *Access {
	a := &Access{tokens: o.Tokens, allPublish: o.AllPublish, certificates: o.Certificates}
	a.ingest.Store(o.Ingest)
	a.consume.Store(o.Consume)
	return a
}

func (a *Access) keys(role protocol.Role) *atomic.Pointer[Keys] {
	if role == protocol.Ingestor {
		return &a.ingest
	}
	return &a.consume
}

// Keys returns the keys of a role, nil if there are none.
func (a *Access) Keys(role protocol.Role) *Keys { return a.keys(role).Load() }

// Tokens returns what verifies tokens, nil if there are none.
func (a *Access) Tokens() *Tokens { return a.tokens }

// Replace puts other keys of a role in the place of those that there were.
func (a *Access) Replace(role protocol.Role, keys *Keys) { a.keys(role).Store(keys) }

// Open reports whether a role needs no credentials.
func (a *Access) Open(role protocol.Role) bool {
	switch {
	case a.Keys(role) != nil:
		return false
	case role == protocol.Ingestor && a.allPublish:
		return true
	case role == protocol.Ingestor && a.certificates:
		return false
	}
	return a.tokens == nil
}

// RefusedError is why credentials are not accepted. Both texts are fixed words: nothing of the
// credentials is in them.
type RefusedError struct {
	Reason Reason
	Text   string // for the client
	Why    string // for the operator
}

// Reason is what a client can do about a refusal.
type Reason uint8

// The reasons.
const (
	Unauthorized Reason = iota // get other credentials
	Forbidden                  // nothing: they are good, and do not grant this role
	Unavailable                // try again: they cannot be checked at the moment
)

func (r *RefusedError) Error() string { return r.Why }

// What clients are told. It is the same for all that is wrong with credentials but their age.
const (
	neededKey   = "a valid key is required"
	neededToken = "a valid key or token is required"

	neededCertificate = "a certificate is required"
)

// Admit returns what credentials grant in a role: nil, if it needs none. The error is a
// *RefusedError. Where the key of a token has to be fetched, Admit waits for that for some seconds at
// most, or until gone is closed.
func (a *Access) Admit(role protocol.Role, credentials string, gone <-chan struct{}) (*Grant, error) {
	if a.Open(role) {
		return nil, nil //nolint:nilnil // the grant of everything
	}
	if keys := a.Keys(role); keys != nil {
		if grant := keys.lookup(credentials); grant != nil {
			return grant, nil
		}
	}
	if a.tokens != nil && isToken(credentials) {
		return a.tokens.verify(role, credentials, gone)
	}
	text := neededKey
	switch {
	case a.tokens != nil:
		text = neededToken
	case a.Keys(role) == nil:
		text = neededCertificate
	}
	if credentials == "" {
		return nil, &RefusedError{Unauthorized, text, "no credentials were sent"}
	}
	return nil, &RefusedError{Unauthorized, text, "the key is not among the keys"}
}

// Still returns what the credentials of a grant allow by now: nil, if nothing any more. A token is
// good as long as the file has its key. One whose key was at a URL is good until it expires: issuers
// take keys out of their sets as they please.
func (a *Access) Still(role protocol.Role, g *Grant) *Grant {
	var now *Grant
	switch keys := a.Keys(role); {
	case g.token:
		if a.tokens.set == nil && !a.tokens.Keys().has(g.source) {
			return nil
		}
		return g
	case g.certificate:
		now = a.certified(role, g.Name, g.Expires)
	case keys != nil:
		now = keys.byHash[g.source]
	}
	if now != nil && now.same(g) {
		return g
	}
	return now
}
