package auth

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// Names of the claims of our own. Some issuers make an object of a name with a dot, so
// {"backbone":{"join":[..]}} means the same.
const (
	claimObject  = "backbone"
	claimJoin    = "join"
	claimPublish = "publish"
)

const (
	maxName = 256                       // bytes of sub
	maxLife = 10 * 365 * 24 * time.Hour // of a token; one that lives longer has its exp in another unit than seconds
)

// claims are those of a token. They are read more strictly than the library does: each name in its
// own case, and once; no numbers in quotes.
type claims struct {
	fault string // what is wrong with them, in fixed words; "": nothing

	issuer, subject    string
	audience           []string
	expires, notBefore *jwt.NumericDate
	join, publish      *Patterns // nil: the claim is missing
}

// UnmarshalJSON never fails: what is wrong is in fault.
func (c *claims) UnmarshalJSON(text []byte) error {
	if err := c.read(text); err != nil {
		c.fault = err.Error()
	}
	return nil
}

var errClaims = errors.New("the claims are no JSON object without a name that occurs twice")

func (c *claims) read(text []byte) error {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return errClaims
	}
	text1 := func(name string, to *string) error {
		value, has := all[name]
		if has && (value.Kind() != '"' || json.Unmarshal(value, to) != nil) {
			return errors.New("the claim " + name + " is no string")
		}
		return nil
	}
	date := func(name string, to **jwt.NumericDate) error {
		value, has := all[name]
		if !has {
			return nil
		}
		seconds, err := strconv.ParseFloat(string(value), 64)
		if err != nil || value.Kind() != '0' || seconds < 0 || seconds > math.MaxInt32*1000 {
			return errors.New("the claim " + name + " is no time in seconds")
		}
		*to = &jwt.NumericDate{Time: time.Unix(int64(seconds), 0)}
		return nil
	}
	if err := cmp.Or(text1("iss", &c.issuer), text1("sub", &c.subject), date("exp", &c.expires), date("nbf", &c.notBefore)); err != nil {
		return err
	}
	if c.subject == "" || len(c.subject) > maxName || !printable(c.subject) {
		return errors.New("the claim sub is missing, or no name of at most " + strconv.Itoa(maxName) + " bytes")
	}
	if value, has := all["aud"]; has {
		var one string
		if json.Unmarshal(value, &c.audience) != nil {
			if json.Unmarshal(value, &one) != nil {
				return errors.New("the claim aud is neither a string nor an array of them")
			}
			c.audience = []string{one}
		}
	}
	return c.rights(all)
}

// rights reads the claims of our own.
func (c *claims) rights(all map[string]jsontext.Value) error {
	var nested map[string]jsontext.Value
	if value, has := all[claimObject]; has && (value.Kind() != '{' || json.Unmarshal(value, &nested) != nil) {
		return errors.New("the claim " + claimObject + " is no object")
	}
	for _, one := range []struct {
		name string
		to   **Patterns
	}{{claimJoin, &c.join}, {claimPublish, &c.publish}} {
		name := claimObject + "." + one.name
		value, has := all[name]
		if inner, twice := nested[one.name]; twice {
			if has {
				return errors.New("the claim " + name + " is there twice")
			}
			value, has = inner, true
		}
		if !has {
			continue
		}
		patterns, err := parsePatterns(bytes.TrimSpace(value))
		if err != nil {
			return errors.New("the claim " + name + " is no array of patterns")
		}
		*one.to = patterns
	}
	return nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// GetExpirationTime is for the library, as are the methods below.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }

// GetIssuedAt is nil: iat says nothing about whether a token is valid.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return nil, nil } //nolint:nilnil // the library's contract

// GetNotBefore is nbf.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.notBefore, nil }

// GetIssuer is iss.
func (c *claims) GetIssuer() (string, error) { return c.issuer, nil }

// GetSubject is sub.
func (c *claims) GetSubject() (string, error) { return c.subject, nil }

// GetAudience is aud.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return c.audience, nil }
