package auth

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"backbone/protocol"
)

const (
	maxToken = 8 << 10          // bytes
	leeway   = 30 * time.Second // by which clocks may differ
	maxTried = 8                // keys for a token that does not say which
)

// TokenOptions say which tokens are accepted.
type TokenOptions struct {
	Issuer     string   // "": any
	Audience   string   // "": any
	Algorithms []string // their names in RFC 7518; at least one

	Keys *TokenKeys // of a file; nil: those of Set
	Set  *KeySet    // of a URL
}

// Tokens verifies tokens (JWT, RFC 7519). It is safe for concurrent use by multiple goroutines.
type Tokens struct {
	algorithms []string    // immutable
	parser     *jwt.Parser // immutable
	set        *KeySet     // nil: keys holds them

	keys atomic.Pointer[TokenKeys] // set by who reloads
}

// NewTokens returns what verifies the tokens that o describes.
func NewTokens(o TokenOptions) *Tokens {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(o.Algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(time.Now),
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	t := &Tokens{algorithms: o.Algorithms, parser: jwt.NewParser(options...), set: o.Set}
	t.keys.Store(o.Keys)
	return t
}

// Keys returns the keys now, nil if there are none yet.
func (t *Tokens) Keys() *TokenKeys {
	if t.set != nil {
		return t.set.Keys()
	}
	return t.keys.Load()
}

// Replace puts other keys of a file in the place of those that there were.
func (t *Tokens) Replace(keys *TokenKeys) { t.keys.Store(keys) }

// isToken reports whether credentials have the form of a token.
func isToken(text string) bool {
	return strings.Count(text, ".") == 2 && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) < 0
}

// Errors of finding a key.
var (
	errUnknownKey  = errors.New("no key is known for the kid and the algorithm of the token")
	errUnavailable = errors.New("the keys of the issuer are not known at the moment")
	errHeader      = errors.New("the header of the token asks for what is not understood: crit or typ")
	errSignature   = errors.New("the signature does not belong to the token")
)

// verify returns what a token grants in a role. It waits for keys for some seconds at most, or until
// gone is closed. The error is a *RefusedError.
func (t *Tokens) verify(role protocol.Role, text string, gone <-chan struct{}) (*Grant, error) {
	if len(text) > maxToken {
		return nil, refusedToken("the token is longer than 8 KiB")
	}
	c, grant := &claims{}, &Grant{token: true}
	_, err := t.parser.ParseWithClaims(text, c, func(token *jwt.Token) (any, error) {
		key, err := t.keyFor(token, gone)
		if err != nil {
			return nil, err
		}
		grant.source = key.id
		return key.key, nil
	})
	now := time.Now()
	switch {
	case errors.Is(err, errUnavailable):
		return nil, &RefusedError{Unavailable, "tokens cannot be checked at the moment", errUnavailable.Error()}
	case err != nil || c.fault != "":
		return nil, whyNot(err, c)
	case c.expires.Sub(now) > maxLife:
		return nil, refusedToken("the claim exp is more than ten years ahead: it must be in seconds")
	}
	grant.Name, grant.Expires = c.subject, c.expires.Time
	if !now.Before(grant.Expires) {
		grant.Expires = grant.Expires.Add(leeway) // or else it would end at once
	}
	grant.rooms = c.join
	if role == protocol.Ingestor {
		if grant.rooms = c.publish; grant.rooms == nil {
			return nil, &RefusedError{Forbidden, "the token does not allow publishing", "the claim backbone.publish is missing"}
		}
	}
	if grant.rooms == nil {
		grant.rooms = &Patterns{}
	}
	return grant, nil
}

func refusedToken(why string) error { return &RefusedError{Unauthorized, neededToken, why} }

// whyNot puts an error of the library into fixed words, because it may quote the token.
func whyNot(err error, c *claims) error {
	var reasons []string
	for _, r := range []struct {
		of  error
		why string
	}{
		{errUnknownKey, errUnknownKey.Error()},
		{errHeader, errHeader.Error()},
		{errSignature, errSignature.Error()},
		{jwt.ErrTokenMalformed, "the token is malformed"},
		{jwt.ErrTokenUnverifiable, "the algorithm of the token is not known"},
		{jwt.ErrTokenSignatureInvalid, "the signature does not belong to the token, or its algorithm is not allowed"},
		{jwt.ErrTokenRequiredClaimMissing, "the claim exp is missing, or iss or aud"},
		{jwt.ErrTokenInvalidIssuer, "the claim iss names another issuer"},
		{jwt.ErrTokenInvalidAudience, "the claim aud names another audience"},
		{jwt.ErrTokenNotValidYet, "the token is not valid yet (nbf)"},
	} {
		if errors.Is(err, r.of) {
			reasons = append(reasons, r.why)
			if !errors.Is(err, jwt.ErrTokenInvalidClaims) {
				break // what follows from it is no reason of its own
			}
		}
	}
	verified := err == nil || errors.Is(err, jwt.ErrTokenInvalidClaims)
	if verified && c.fault != "" {
		reasons = []string{c.fault} // what the library says follows from it
	}
	expired := errors.Is(err, jwt.ErrTokenExpired)
	switch {
	case expired && len(reasons) == 0:
		return &RefusedError{Unauthorized, "the token has expired", "the token has expired"}
	case len(reasons) == 0:
		reasons = []string{"the token is not valid"}
	}
	return refusedToken(strings.Join(reasons, "; "))
}

// keyFor finds the key of a token, which the library has parsed, and whose algorithm is allowed.
func (t *Tokens) keyFor(token *jwt.Token, gone <-chan struct{}) (*tokenKey, error) {
	if _, has := token.Header["crit"]; has || !typeOfToken(token.Header["typ"]) {
		return nil, errHeader
	}
	kid, ok := token.Header["kid"].(string)
	if _, has := token.Header["kid"]; has && !ok {
		return nil, errHeader
	}
	algorithm := token.Method.Alg()
	if !slices.Contains(t.algorithms, algorithm) {
		return nil, errUnknownKey
	}
	key, err := t.choose(token, t.find(kid, algorithm))
	if err == nil || t.set == nil {
		return key, err
	}
	if err := t.set.ask(gone); err != nil { // an issuer whose keys have no kid may have changed them, too
		return nil, err
	}
	return t.choose(token, t.find(kid, algorithm))
}

// choose returns the key of a token among those that it may be: the only one, which the library verifies
// it with, or the first that it is verified with. The only one at a URL may be of before, unless it has
// the kid of the token.
func (t *Tokens) choose(token *jwt.Token, found []*tokenKey) (*tokenKey, error) {
	switch {
	case len(found) == 0:
		return nil, errUnknownKey
	case len(found) == 1 && (t.set == nil || found[0].named && token.Header["kid"] != nil):
		return found[0], nil
	case len(found) > maxTried:
		found = found[:maxTried]
	}
	signed := token.Raw[:strings.LastIndexByte(token.Raw, '.')]
	for _, key := range found {
		if token.Method.Verify(signed, token.Signature, key.key) == nil {
			return key, nil
		}
	}
	return nil, errSignature
}

func (t *Tokens) find(kid, algorithm string) []*tokenKey {
	if keys := t.Keys(); keys != nil {
		return keys.find(kid, algorithm)
	}
	return nil
}

// typeOfToken reports whether a typ is one of tokens that give access. Others are made for other
// ends, such as to log somebody out.
func typeOfToken(typ any) bool {
	if typ == nil {
		return true
	}
	text, _ := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return text == "jwt" || text == "at+jwt"
}
