package auth

import (
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// errPrivate is the error of a file that holds more than the server needs.
var errPrivate = errors.New("holds a private key or a secret among public keys: the server needs public keys only, and others must not lie there")

func errNoneUsable(of int) error { return fmt.Errorf("holds no key that can be used, of %d", of) }

// ParseJWKs reads a JWK set, or a single JWK. A key that cannot be used is left out, and so are private
// keys and secrets: what is in a set may be published. It is an error if there is no other.
func ParseJWKs(text []byte) (*TokenKeys, error) {
	keys, err := parseSet(text)
	if err == nil && len(keys.keys) == 0 {
		err = errNoneUsable(keys.LeftOut)
	}
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// parseSet reads a JWK set, or a single JWK. It may hold no key that can be used.
func parseSet(text []byte) (*TokenKeys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
		KTY  string           `json:"kty"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("is no JWK set in JSON")
	}
	switch {
	case set.Keys == nil && set.KTY != "":
		set.Keys = []jsontext.Value{text}
	case set.Keys == nil:
		return nil, errNoneUsable(0)
	}
	if len(set.Keys) > maxTokenKeys {
		return nil, fmt.Errorf("holds more than %d keys", maxTokenKeys)
	}
	keys := &TokenKeys{}
	for _, one := range set.Keys {
		key, err := parseJWK(one)
		if err != nil {
			keys.LeftOut++
			keys.private = keys.private || errors.Is(err, errPrivate)
			continue
		}
		keys.keys = append(keys.keys, key)
	}
	return keys, nil
}

func parseJWK(text []byte) (tokenKey, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(text, &members); err != nil {
		return tokenKey{}, err
	}
	for _, private := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"} { // RFC 7518, section 6
		if _, has := members[private]; has {
			return tokenKey{}, errPrivate
		}
	}
	j, err := jwkset.NewJWKFromRawJSON(text, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return tokenKey{}, err
	}
	m := j.Marshal()
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
		return tokenKey{}, errors.New("is not for signatures")
	}
	key, err := newTokenKey(j.Key())
	if err != nil {
		return tokenKey{}, err
	}
	key.kid, key.named = m.KID, m.KID != ""
	if alg := string(m.ALG); alg != "" {
		if alg == "Ed25519" { // its name in RFC 9864
			alg = "EdDSA"
		}
		if !slices.Contains(key.algorithms, alg) {
			return tokenKey{}, errors.New("its alg is not one of its type")
		}
		key.algorithms = []string{alg}
	}
	return key, nil
}
