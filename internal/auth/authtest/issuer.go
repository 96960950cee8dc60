// Package authtest issues tokens for tests.
package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer signs tokens with one key. Its fields must not be changed.
type Issuer struct {
	KID       string // "": its tokens name no key
	Algorithm string
	Private   any // as the library wants it
}

// New returns an issuer of Ed25519.
func New(t testing.TB, kid string) *Issuer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{kid, "EdDSA", private}
}

// NewRSA returns an issuer of RS256.
func NewRSA(t testing.TB, kid string, bits int) *Issuer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{kid, "RS256", private}
}

// NewEC returns an issuer of ES256.
func NewEC(t testing.TB, kid string) *Issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{kid, "ES256", private}
}

// Public is the public key.
func (i *Issuer) Public() crypto.PublicKey {
	return i.Private.(interface{ Public() crypto.PublicKey }).Public() //nolint:forcetypeassert // all private keys have it
}

// PEM is the public key.
func (i *Issuer) PEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(i.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// JWK is the public key of an issuer of Ed25519, with more fields.
func (i *Issuer) JWK(more map[string]any) map[string]any {
	public, _ := i.Public().(ed25519.PublicKey)
	key := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	if i.KID != "" {
		key["kid"] = i.KID
	}
	maps.Copy(key, more)
	return key
}

// Set is a JWK set of public keys.
func Set(issuers ...*Issuer) []byte {
	keys := []any{}
	for _, i := range issuers {
		keys = append(keys, i.JWK(nil))
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return text
}

// Claims are those of a token.
type Claims = jwt.MapClaims

// Token is a signed token.
func (i *Issuer) Token(claims Claims) string { return i.TokenWith(nil, claims) }

// TokenWith is a signed token with more in its header.
func (i *Issuer) TokenWith(header map[string]any, claims Claims) string {
	token := jwt.NewWithClaims(jwt.GetSigningMethod(i.Algorithm), claims)
	if i.KID != "" {
		token.Header["kid"] = i.KID
	}
	maps.Copy(token.Header, header)
	text, err := token.SignedString(i.Private)
	if err != nil {
		panic(err)
	}
	return text
}

// Raw is a token of these texts, which are not checked, signed all the same.
func (i *Issuer) Raw(header, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	signature, err := jwt.GetSigningMethod(i.Algorithm).Sign(text, i.Private)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
