package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxTokenKeys = 100  // of one set
	minRSABits   = 2048 // RFC 7518, section 3.3
)

// TokenKeys are what tokens are verified with: public keys, or a secret. They are immutable.
type TokenKeys struct {
	keys    []tokenKey
	LeftOut int  // how many of a JWK set could not be used
	private bool // one of these is a private key or a secret
}

type tokenKey struct {
	kid        string
	named      bool     // it is for tokens of this kid only
	algorithms []string // it may be used with
	key        any      // as the library wants it for each of algorithms
	id         [sha256.Size]byte
}

// Secret reports whether what they are must not be known to others.
func (k *TokenKeys) Secret() bool {
	return slices.ContainsFunc(k.keys, func(key tokenKey) bool { _, secret := key.key.([]byte); return secret })
}

// Len is the number of keys.
func (k *TokenKeys) Len() int { return len(k.keys) }

// ParseTokenKeys reads a file: public keys or certificates in PEM, a JWK set or a single JWK, or a
// secret, which is everything else. A secret needs an HS algorithm among those that are allowed. A JWK set
// can be empty: who takes it then lets nobody in. The error is a *SyntaxError, and shows nothing of the
// file.
func ParseTokenKeys(file string, text []byte, algorithms []string) (*TokenKeys, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	var (
		keys *TokenKeys
		err  error
	)
	switch {
	case len(text) == 0:
		err = errors.New("is empty: it must hold public keys in PEM, a JWK set, or a secret")
	case bytes.Contains(text, []byte("-----BEGIN ")):
		keys, err = parsePEM(text)
	case text[0] == '{' || text[0] == '[':
		switch keys, err = parseSet(text); {
		case err != nil:
		case keys.private:
			err = errPrivate
		case len(keys.keys) == 0 && keys.LeftOut == 0:
			return keys, nil
		case len(keys.keys) == 0:
			err = errNoneUsable(keys.LeftOut)
		}
	default:
		keys, err = parseSecret(text, algorithms)
	}
	if err == nil && !keys.serve(algorithms) {
		err = fmt.Errorf("holds no key for an algorithm of --jwt-algorithms: %s", strings.Join(algorithms, ", "))
	}
	if err != nil {
		return nil, &SyntaxError{File: file, Problem: err.Error()}
	}
	return keys, nil
}

// serve reports whether one of the algorithms can be used with one of the keys.
func (k *TokenKeys) serve(algorithms []string) bool {
	return slices.ContainsFunc(k.keys, func(key tokenKey) bool {
		return slices.ContainsFunc(key.algorithms, func(alg string) bool { return slices.Contains(algorithms, alg) })
	})
}

func parsePEM(text []byte) (*TokenKeys, error) {
	keys := &TokenKeys{}
	for n := 1; ; n++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		var public crypto.PublicKey
		var err error
		switch {
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, errPrivate
		case block.Type == "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				public = c.PublicKey
			}
		case block.Type == "RSA PUBLIC KEY":
			public, err = x509.ParsePKCS1PublicKey(block.Bytes)
		default:
			public, err = x509.ParsePKIXPublicKey(block.Bytes)
		}
		if err != nil {
			return nil, fmt.Errorf("PEM block %d, %q, is not a public key or a certificate", n, block.Type)
		}
		key, err := newTokenKey(public)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", n, err)
		}
		if keys.keys = append(keys.keys, key); len(keys.keys) > maxTokenKeys {
			return nil, fmt.Errorf("holds more than %d keys", maxTokenKeys)
		}
	}
	if len(keys.keys) == 0 {
		return nil, errors.New("holds no complete PEM block")
	}
	return keys, nil
}

// newTokenKey finds out with which algorithms a public key can be used.
func newTokenKey(public crypto.PublicKey) (tokenKey, error) {
	key := tokenKey{key: public}
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return key, fmt.Errorf("an RSA key of %d bits is too short: at least %d", k.N.BitLen(), minRSABits)
		}
		key.algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			key.algorithms = []string{"ES256"}
		case elliptic.P384():
			key.algorithms = []string{"ES384"}
		case elliptic.P521():
			key.algorithms = []string{"ES512"}
		default:
			return key, errors.New("its curve is not one of P-256, P-384 and P-521")
		}
	case ed25519.PublicKey:
		key.algorithms = []string{"EdDSA"}
	default:
		return key, errors.New("its type is not one of RSA, EC and Ed25519")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return key, errors.New("it is no valid public key")
	}
	key.id = sha256.Sum256(der)
	return key, nil
}

// hmacBytes are the least bytes of a secret (RFC 7518, section 3.2).
var hmacBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

func parseSecret(text []byte, algorithms []string) (*TokenKeys, error) {
	key := tokenKey{key: text, id: sha256.Sum256(append([]byte("secret:"), text...))}
	for _, alg := range algorithms {
		if least, ok := hmacBytes[alg]; ok {
			if len(text) < least {
				return nil, fmt.Errorf("a secret for %s has at least %d bytes, as of \"openssl rand -hex 32\"", alg, least)
			}
			key.algorithms = append(key.algorithms, alg)
		}
	}
	switch {
	case isPublic(text):
		return nil, errors.New("holds a public key, which must be in PEM or a JWK set: everyone could sign with it as a secret")
	case len(key.algorithms) == 0:
		return nil, errors.New("holds neither PEM nor a JWK set. If it is a secret, --jwt-algorithms must list HS256")
	}
	return &TokenKeys{keys: []tokenKey{key}}, nil
}

// find returns the keys that may verify a token. They are for its algorithm, so that a public key is
// never taken for a secret. Without a kid they are all of them.
func (k *TokenKeys) find(kid, algorithm string) (found []*tokenKey) {
	for i := range k.keys {
		key := &k.keys[i]
		if slices.Contains(key.algorithms, algorithm) && (kid == "" || !key.named || key.kid == kid) {
			found = append(found, key)
		}
	}
	return found
}

func (k *TokenKeys) has(id [sha256.Size]byte) bool {
	return slices.ContainsFunc(k.keys, func(key tokenKey) bool { return key.id == id })
}

// Difference says how many keys were added and removed, "" for none.
func (k *TokenKeys) Difference(before *TokenKeys) string {
	count := func(of, notIn *TokenKeys) (n int) {
		for i := range of.keys {
			if !notIn.has(of.keys[i].id) {
				n++
			}
		}
		return n
	}
	added, removed := count(k, before), count(before, k)
	if added == 0 && removed == 0 {
		return ""
	}
	return fmt.Sprintf("%d keys of tokens added, %d removed", added, removed)
}
