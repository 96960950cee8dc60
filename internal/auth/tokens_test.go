package auth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/auth"
	"backbone/internal/auth/authtest"
	"backbone/protocol"
)

var usual = []string{"RS256", "ES256", "EdDSA"}

// accepting is an Access by tokens of keys in a file.
func accepting(t *testing.T, file []byte, algorithms []string, change ...func(*auth.TokenOptions)) *auth.Access {
	t.Helper()
	keys, err := auth.ParseTokenKeys("keys", file, algorithms)
	if err != nil {
		t.Fatal(err)
	}
	o := auth.TokenOptions{Algorithms: algorithms, Keys: keys}
	for _, c := range change {
		c(&o)
	}
	return auth.New(auth.Options{Tokens: auth.NewTokens(o)})
}

func refusal(t *testing.T, access *auth.Access, role protocol.Role, token string) *auth.RefusedError {
	t.Helper()
	grant, err := access.Admit(role, token, nil)
	refused, ok := errors.AsType[*auth.RefusedError](err)
	if !ok || grant != nil {
		t.Fatalf("%.60s: %+v, %v", token, grant, err)
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 8 && (strings.Contains(refused.Why, part) || strings.Contains(refused.Text, part)) {
			t.Errorf("a part of the token in the error: %q, %q", refused.Text, refused.Why)
		}
	}
	return refused
}

func TestATokenGrantsWhatItsClaimsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, issuer := range []*authtest.Issuer{authtest.New(t, ""), authtest.NewRSA(t, "some", 2048), authtest.NewEC(t, "")} {
			access := accepting(t, issuer.PEM(), usual)
			until := time.Now().Add(time.Hour).Truncate(time.Second)
			for _, claims := range []authtest.Claims{
				{"sub": "ann", "exp": until.Unix(), "backbone.join": []string{"BTC_*"}, "backbone.publish": []string{"X"}, "aud": "any", "iss": "any"},
				{"sub": "ann", "exp": float64(until.Unix()) + 0.5, "nbf": time.Now().Add(29 * time.Second).Unix(), "iat": "x", "backbone": map[string]any{"join": []string{"BTC_*"}, "publish": []string{"X"}, "other": 1}},
			} {
				token := issuer.Token(claims)
				consumer, err := access.Admit(protocol.Consumer, token, nil)
				if err != nil || consumer.Name != "ann" || !consumer.Expires.Equal(until) || !consumer.Allows("BTC_USDT") || consumer.Allows("X") {
					t.Fatalf("%s: %+v, %v", issuer.Algorithm, consumer, err)
				}
				ingestor, err := access.Admit(protocol.Ingestor, token, nil)
				if err != nil || !ingestor.Allows("X") || ingestor.Allows("BTC_USDT") {
					t.Fatalf("%s: %+v, %v", issuer.Algorithm, ingestor, err)
				}
			}
			token := issuer.Token(authtest.Claims{"sub": "ann", "exp": until.Unix()})
			if consumer, err := access.Admit(protocol.Consumer, token, nil); err != nil || consumer.Allows("X") {
				t.Errorf("without rights: %+v, %v", consumer, err)
			}
			if r := refusal(t, access, protocol.Ingestor, token); r.Reason != auth.Forbidden {
				t.Errorf("without rights: %+v", r)
			}
		}
	})
}

// A token that is accepted within the leeway ends with it, and no earlier: or else it would end at
// once.
func TestATokenExpiresAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.New(t, "")
		access := accepting(t, issuer.PEM(), usual)
		until := time.Now().Add(10 * time.Second).Truncate(time.Second)
		token := issuer.Token(authtest.Claims{"sub": "ann", "exp": until.Unix()})
		if g, err := access.Admit(protocol.Consumer, token, nil); err != nil || !g.Expires.Equal(until) {
			t.Fatal(g, err)
		}
		time.Sleep(time.Until(until))
		if g, err := access.Admit(protocol.Consumer, token, nil); err != nil || !g.Expires.Equal(until.Add(30*time.Second)) {
			t.Fatal(g, err)
		}
		time.Sleep(30 * time.Second)
		if r := refusal(t, access, protocol.Consumer, token); r.Text != "the token has expired" {
			t.Errorf("%+v", r)
		}
	})
}

func TestTokensThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, other, rsa := authtest.New(t, "k"), authtest.New(t, "k"), authtest.NewRSA(t, "k", 2048)
		access := accepting(t, authtest.Set(issuer), usual, func(o *auth.TokenOptions) { o.Issuer, o.Audience = "https://i.example", "backbone" })
		claims := func(pairs ...any) authtest.Claims {
			c := authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "iss": "https://i.example", "aud": []string{"other", "backbone"}, "backbone.join": []string{"*"}}
			for n := 0; n < len(pairs); n += 2 {
				if name := pairs[n].(string); pairs[n+1] == nil {
					delete(c, name)
				} else {
					c[name] = pairs[n+1]
				}
			}
			return c
		}
		good := issuer.Token(claims())
		if _, err := access.Admit(protocol.Consumer, good, nil); err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(good, ".")
		later := fmt.Sprint(time.Now().Add(time.Hour).Unix())
		const head = `{"alg":"EdDSA","kid":"k"}`
		body := func(more string) string {
			return `{"sub":"ann","exp":` + later + `,"iss":"https://i.example","aud":"backbone"` + more + `}`
		}
		if _, err := access.Admit(protocol.Consumer, issuer.Raw(head, body("")), nil); err != nil {
			t.Fatal(err)
		}
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k"}`))
		secret := func(alg string, key []byte) string {
			return (&authtest.Issuer{KID: "k", Algorithm: alg, Private: key}).Token(claims())
		}
		block, _ := pem.Decode(issuer.PEM())
		const needed = "a valid key or token is required"
		for name, c := range map[string]struct{ token, text, why string }{
			"expired":               {issuer.Token(claims("exp", time.Now().Add(-time.Hour).Unix())), "the token has expired", "the token has expired"},
			"expired, of other iss": {issuer.Token(claims("exp", time.Now().Add(-time.Hour).Unix(), "iss", "x")), needed, "iss names another"},
			"expired, of other key": {other.Token(claims("exp", time.Now().Add(-time.Hour).Unix())), needed, "signature"},
			"nbf to come":           {issuer.Token(claims("nbf", time.Now().Add(time.Minute).Unix())), needed, "not valid yet"},
			"no exp":                {issuer.Token(claims("exp", nil)), needed, "exp is missing"},
			"exp null":              {issuer.Raw(head, `{"sub":"ann","exp":null,"iss":"https://i.example","aud":"backbone"}`), needed, "claim exp is no time"},
			"exp in quotes":         {issuer.Token(claims("exp", later)), needed, "claim exp is no time"},
			"exp in ms":             {issuer.Token(claims("exp", time.Now().UnixMilli())), needed, "must be in seconds"},
			"exp huge":              {issuer.Token(claims("exp", 1e300)), needed, "claim exp is no time"},
			"exp negative":          {issuer.Token(claims("exp", -1)), needed, "claim exp is no time"},
			"EXP":                   {issuer.Raw(head, `{"sub":"ann","EXP":`+later+`,"iss":"https://i.example","aud":"backbone"}`), needed, "exp is missing"},
			"exp twice":             {issuer.Raw(head, body(`,"exp":1`)), needed, "occurs twice"},
			"no sub":                {issuer.Token(claims("sub", nil)), needed, "claim sub"},
			"sub a number":          {issuer.Token(claims("sub", 5)), needed, "claim sub"},
			"sub with a line":       {issuer.Token(claims("sub", "a\nb")), needed, "claim sub"},
			"long sub":              {issuer.Token(claims("sub", strings.Repeat("a", 257))), needed, "claim sub"},
			"other issuer":          {issuer.Token(claims("iss", "https://i.example/")), needed, "another issuer"},
			"no issuer":             {issuer.Token(claims("iss", nil)), needed, "missing"},
			"other audience":        {issuer.Token(claims("aud", "Backbone")), needed, "another audience"},
			"no audience":           {issuer.Token(claims("aud", nil)), needed, "missing"},
			"aud of numbers":        {issuer.Token(claims("aud", []int{1})), needed, "claim aud"},
			"bad pattern":           {issuer.Token(claims("backbone.join", []string{"A*B"})), needed, "backbone.join is no array of patterns"},
			"join a string":         {issuer.Token(claims("backbone.join", "*")), needed, "backbone.join is no array of patterns"},
			"join null":             {issuer.Raw(head, body(`,"backbone.join":null`)), needed, "backbone.join is no array of patterns"},
			"join twice":            {issuer.Token(claims("backbone", map[string]any{"join": []string{"*"}})), needed, "is there twice"},
			"backbone a string":     {issuer.Token(claims("backbone", "x")), needed, "claim backbone is no object"},
			"claims an array":       {issuer.Raw(head, `[1]`), needed, "no JSON object"},
			"claims null":           {issuer.Raw(head, `null`), needed, "exp is missing"},
			"claims no JSON":        {issuer.Raw(head, `{`), needed, "malformed"},
			"other key":             {other.Token(claims()), needed, "signature"},
			"other type of key":     {rsa.Token(claims()), needed, "no key is known"},
			"alg none":              {none + "." + parts[1] + ".", needed, "algorithm"},
			"alg none, signed":      {none + "." + parts[1] + "." + parts[2], needed, "algorithm"},
			"alg unknown":           {issuer.Raw(`{"alg":"XX","kid":"k"}`, body("")), needed, "algorithm"},
			"no alg":                {issuer.Raw(`{"kid":"k"}`, body("")), needed, "algorithm"},
			"HS256, public key":     {secret("HS256", issuer.PEM()), needed, "algorithm"},
			"HS256, its DER":        {secret("HS256", block.Bytes), needed, "algorithm"},
			"HS256, the set":        {secret("HS256", authtest.Set(issuer)), needed, "algorithm"},
			"unknown kid":           {issuer.TokenWith(map[string]any{"kid": "x"}, claims()), needed, "no key is known"},
			"kid a number":          {issuer.TokenWith(map[string]any{"kid": 5}, claims()), needed, "header"},
			"crit":                  {issuer.TokenWith(map[string]any{"crit": []string{"exp"}}, claims()), needed, "crit"},
			"typ":                   {issuer.TokenWith(map[string]any{"typ": "logout+jwt"}, claims()), needed, "typ"},
			"no signature":          {parts[0] + "." + parts[1] + ".", needed, "signature"},
			"cut signature":         {good[:len(good)-2], needed, "signature"},
			"other claims":          {parts[0] + "." + strings.Split(other.Token(claims("sub", "bob")), ".")[1] + "." + parts[2], needed, "signature"},
			"two parts":             {parts[0] + "." + parts[1], needed, "not among"},
			"four parts":            {good + ".x", needed, "not among"},
			"newline":               {good + "\n", needed, "not among"},
			"padding":               {parts[0] + "=." + parts[1] + "." + parts[2], needed, "not among"},
			"Bearer inside":         {"Bearer " + good, needed, "not among"},
			"dots":                  {"..", needed, "malformed"},
			"huge":                  {issuer.Token(claims("x", strings.Repeat("x", 9000))), needed, "longer than"},
			"nothing":               {"", needed, "no credentials"},
		} {
			r := refusal(t, access, protocol.Consumer, c.token)
			if r.Reason != auth.Unauthorized || r.Text != c.text || !strings.Contains(r.Why, c.why) {
				t.Errorf("%s: %q, %q, want %q, %q", name, r.Text, r.Why, c.text, c.why)
			}
		}
		for _, typ := range []any{"JWT", "jwt", "at+jwt", "application/at+JWT"} {
			if _, err := access.Admit(protocol.Consumer, issuer.TokenWith(map[string]any{"typ": typ}, claims()), nil); err != nil {
				t.Errorf("typ %v: %v", typ, err)
			}
		}
	})
}

func TestASecretIsTakenOnlyWhereItsAlgorithmIsListed(t *testing.T) {
	secret := []byte(strings.Repeat("s3cret", 8))
	access := accepting(t, append(bytes.Clone(secret), '\n'), []string{"HS256"})
	signed := func(alg string) string {
		return (&authtest.Issuer{Algorithm: alg, Private: secret}).Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
	}
	if g, err := access.Admit(protocol.Consumer, signed("HS256"), nil); err != nil || g.Name != "ann" {
		t.Errorf("%+v, %v", g, err)
	}
	_ = refusal(t, access, protocol.Consumer, signed("HS384"))
	_ = refusal(t, access, protocol.Consumer, authtest.New(t, "").Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}))
}

// Even where HS256 is allowed beside it, a public key signs nothing as a secret.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	for _, issuer := range []*authtest.Issuer{authtest.New(t, ""), authtest.NewRSA(t, "", 2048)} {
		access := accepting(t, issuer.PEM(), append([]string{"HS256"}, usual...))
		block, _ := pem.Decode(issuer.PEM())
		for _, secret := range [][]byte{issuer.PEM(), bytes.TrimSpace(issuer.PEM()), block.Bytes, block.Bytes[len(block.Bytes)-32:]} {
			token := (&authtest.Issuer{Algorithm: "HS256", Private: secret}).Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
			if r := refusal(t, access, protocol.Consumer, token); !strings.Contains(r.Why, "no key is known") {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestFilesOfTokenKeys(t *testing.T) {
	issuer, second, short := authtest.New(t, "a"), authtest.NewEC(t, ""), authtest.NewRSA(t, "", 1024)
	block, _ := pem.Decode(issuer.PEM())
	rsaBlock, _ := pem.Decode(authtest.NewRSA(t, "", 2048).PEM())
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("s3cr3t")})
	with := append([]string{"HS256"}, usual...)
	for name, c := range map[string]struct {
		text       string
		algorithms []string
		keys       int
		err        string
	}{
		"PEM":                  {string(issuer.PEM()), usual, 1, ""},
		"two":                  {"text before\n" + string(issuer.PEM()) + "\n" + string(second.PEM()), usual, 2, ""},
		"a set":                {"\ufeff" + string(authtest.Set(issuer)), usual, 1, ""},
		"one JWK":              {`{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(block.Bytes[len(block.Bytes)-32:]) + `"}`, usual, 1, ""},
		"a secret":             {strings.Repeat("x", 32), with, 1, ""},
		"nothing":              {"\n", usual, 0, "is empty"},
		"a private key":        {string(private), usual, 0, "holds a private key"},
		"both":                 {string(issuer.PEM()) + string(private), usual, 0, "holds a private key"},
		"a cut PEM":            {string(issuer.PEM()[:40]), usual, 0, "no complete PEM"},
		"no key in PEM":        {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})), usual, 0, "PEM block 1"},
		"a short key":          {string(short.PEM()), usual, 0, "1024 bits is too short"},
		"no algorithm of it":   {string(issuer.PEM()), []string{"RS256", "ES256"}, 0, "holds no key for an algorithm"},
		"a secret, unlisted":   {strings.Repeat("x", 32), usual, 0, "must list HS256"},
		"a short secret":       {strings.Repeat("x", 31), with, 0, "at least 32 bytes"},
		"HS256 and a PEM":      {string(issuer.PEM()), []string{"HS256"}, 0, "holds no key for an algorithm"},
		"a DER as secret":      {string(block.Bytes), with, 0, "holds a public key"},
		"base64 of it":         {base64.StdEncoding.EncodeToString(block.Bytes), with, 0, "holds a public key"},
		"base64url of it":      {base64.RawURLEncoding.EncodeToString(block.Bytes), with, 0, "holds a public key"},
		"unpadded":             {base64.RawStdEncoding.EncodeToString(rsaBlock.Bytes), with, 0, "holds a public key"},
		"hex of it":            {hex.EncodeToString(block.Bytes), with, 0, "holds a public key"},
		"hex with colons":      {"30:" + strings.ToUpper(hex.EncodeToString(block.Bytes))[2:], with, 0, "holds a public key"},
		"base64 of a PEM":      {base64.StdEncoding.EncodeToString(issuer.PEM()), with, 0, "holds a public key"},
		"RFC 4716":             {"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3NzaC1lZDI1NTE5AAAAIKxT\n---- END SSH2 PUBLIC KEY ----", with, 0, "holds a public key"},
		"an SSH key's base64":  {"AAAAC3NzaC1lZDI1NTE5AAAAIKxT" + strings.Repeat("AAAA", 8), with, 0, "holds a public key"},
		"a secret in hex":      {strings.Repeat("9f1c0c0a", 8), with, 1, ""},
		"an SSH key":           {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxT a@b", with, 0, "holds a public key"},
		"an empty set":         {`{"keys":[]}`, usual, 0, ""},
		"only others in a set": {`{"keys":[{"kty":"AKP"}]}`, usual, 0, "no key that can be used, of 1"},
		"a private JWK":        {`{"kty":"OKP","crv":"Ed25519","d":"s3cr3t","x":"` + base64.RawURLEncoding.EncodeToString(block.Bytes[len(block.Bytes)-32:]) + `"}`, usual, 0, "holds a private key"},
		"one beside others":    {strings.Replace(string(authtest.Set(issuer)), `{"keys":[`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"s3cr3t"},`, 1), usual, 0, "holds a private key"},
		"no set":               {`{"a":1}`, usual, 0, "no key that can be used"},
		"no JSON":              {`{"keys":[`, usual, 0, "no JWK set"},
		"a secret in a set":    {`{"keys":[{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}`, with, 0, "or a secret"},
		"a key of another use": {`{"kty":"OKP","use":"enc","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(block.Bytes[len(block.Bytes)-32:]) + `"}`, usual, 0, "no key that can be used"},
		"too many":             {strings.Repeat(string(issuer.PEM()), 101), usual, 0, "more than 100"},
	} {
		keys, err := auth.ParseTokenKeys("keys.pem", []byte(c.text), c.algorithms)
		switch {
		case c.err == "" && (err != nil || keys.Len() != c.keys):
			t.Errorf("%s: %v, %v", name, keys, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "keys.pem: ") || strings.Contains(err.Error(), "s3cr3t")):
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}

// One key of a set that cannot be used leaves the others in use.
func TestAKeyThatCannotBeUsedTakesNoOtherAway(t *testing.T) {
	issuer := authtest.New(t, "a")
	good := string(authtest.Set(issuer))
	set := strings.Replace(good, `{"keys":[`, `{"keys":[{"kty":"AKP","kid":"pq"},{"kty":"RSA","kid":5},{"kty":"OKP","crv":"Ed448","x":"AA"},{"kty":"RSA","n":"!","e":"AQAB"},7,`, 1)
	keys, err := auth.ParseTokenKeys("set", []byte(set), usual)
	if err != nil || keys.Len() != 1 || keys.LeftOut != 5 {
		t.Fatalf("%+v, %v", keys, err)
	}
}

// A token that does not name its key is verified with each that it could be.
func TestATokenWithoutAKidIsTriedWithAll(t *testing.T) {
	first, second := authtest.New(t, ""), authtest.New(t, "")
	access := accepting(t, append(first.PEM(), second.PEM()...), usual)
	claims := authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	for _, issuer := range []*authtest.Issuer{first, second} {
		if _, err := access.Admit(protocol.Consumer, issuer.Token(claims), nil); err != nil {
			t.Error(err)
		}
	}
	_ = refusal(t, access, protocol.Consumer, authtest.New(t, "").Token(claims))
	keys, err := auth.ParseTokenKeys("keys", second.PEM(), usual)
	if err != nil {
		t.Fatal(err)
	}
	mine, _ := access.Admit(protocol.Consumer, first.Token(claims), nil)
	theirs, _ := access.Admit(protocol.Consumer, second.Token(claims), nil)
	if got := keys.Difference(access.Tokens().Keys()); got != "0 keys of tokens added, 1 removed" {
		t.Errorf("difference %q", got)
	}
	access.Tokens().Replace(keys)
	if access.Still(protocol.Consumer, mine) != nil || access.Still(protocol.Consumer, theirs) != theirs {
		t.Error("a grant outlives its key, or does not live as long")
	}
}

func BenchmarkAdmit(b *testing.B) {
	issuer := authtest.New(b, "k")
	keys, err := auth.ParseTokenKeys("keys", authtest.Set(issuer), usual)
	if err != nil {
		b.Fatal(err)
	}
	access := auth.New(auth.Options{Tokens: auth.NewTokens(auth.TokenOptions{Algorithms: usual, Keys: keys})})
	token := issuer.Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "backbone.join": []string{"BTC_*"}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := access.Admit(protocol.Consumer, token, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	var patterns []string
	for n := range 100 {
		patterns = append(patterns, fmt.Sprintf("MARKET%d_*", n), fmt.Sprintf("NAME%d", n))
	}
	p, err := auth.NewPatterns(patterns)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match("MARKET77_USDT") {
			b.Fatal()
		}
	}
}
