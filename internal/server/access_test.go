package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/auth/authtest"
	"backbone/internal/config"
	"backbone/internal/logtest"
	"backbone/internal/reload"
	"backbone/internal/server"
	"backbone/internal/server/servertest"
)

func debugLog() (*logtest.Log, *slog.Logger) {
	w := &logtest.Log{}
	return w, slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ended waits until a client has ended for good, and returns how long that took.
func ended(t *testing.T, events <-chan client.Event) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		select {
		case _, open := <-events:
			if !open {
				return time.Since(begin)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the client has not ended")
		}
	}
}

const (
	keyOne = "integration-key-one-0123456789"
	keyTwo = "integration-key-two-0123456789"
	keyBad = "integration-key-bad-0123456789"
)

// A removed key ends its connections within a second of the change, without a signal. The other key
// of the name goes on. A file that cannot be read changes nothing.
func TestKeysAreReloaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	writeFile(t, path, "feed:"+keyOne+"\nfeed:"+keyTwo+"\n")
	written, log := debugLog()
	s := servertest.StartLogged(t, log, func(c *config.Serve) { c.ConsumerKeysFile = path })
	with := func(key string) *client.Conn {
		t.Helper()
		c, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: key}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, second := with(keyOne), with(keyTwo)
	if _, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: keyBad}}); !errors.Is(err, client.ErrRefused) {
		t.Errorf("a wrong key: %v", err)
	}
	writeFile(t, path, "feed:"+keyTwo+"\nno colon here\n")
	if outcomes, err := s.Reload(within(t)); err != nil || len(outcomes) != 1 || outcomes[0].Err == nil || strings.Contains(outcomes[0].Err.Error(), "integration") {
		t.Errorf("a broken file: %+v, %v", outcomes, err)
	}
	if _, err := first.Ping(within(t)); err != nil {
		t.Errorf("behind a broken file: %v", err)
	}
	writeFile(t, path, "feed:"+keyTwo+"\n")
	if d := ended(t, first.Events()); d > time.Second+2*reload.Every {
		t.Errorf("closed after %v", d)
	}
	var closed *client.CloseError
	if !errors.As(first.Err(), &closed) || closed.Code != client.CloseUnauthorized {
		t.Errorf("ended with %v", first.Err())
	}
	if _, err := second.Ping(within(t)); err != nil {
		t.Error(err)
	}
	with(keyTwo)
	if _, err := s.Reload(within(t)); err != nil { // behind it the look before has said what it found
		t.Error(err)
	}
	if text := written.String(); !strings.Contains(text, "removed feed") || strings.Contains(text, "integration-key") {
		t.Errorf("the log: %s", text)
	}
}

// A token is given anew by the SDK before it expires, so that the connection stays. One that is not
// ends it at its time.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t, "k")
	path := filepath.Join(t.TempDir(), "keys.pem")
	writeFile(t, path, string(issuer.PEM()))
	written, log := debugLog()
	s := servertest.StartLogged(t, log, func(c *config.Serve) { c.JWTKeyFile, c.JWTIssuer, c.JWTAudience = path, "i", "a" })
	token := func(d time.Duration) string {
		return issuer.Token(authtest.Claims{"sub": "ann", "iss": "i", "aud": "a", "exp": time.Now().Add(d).Unix(), "backbone.join": []string{"BTC_*"}, "backbone.publish": []string{"BTC_USDT"}})
	}
	given := make(chan string, 100) // by the client, whenever it needs one
	stays, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{Token: func(context.Context) (string, error) {
		next := token(4 * time.Second)
		given <- next
		return next, nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close()
	if err := stays.Join(within(t), "BTC_USDT"); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(3 * time.Second).Truncate(time.Second)
	short := token(time.Until(until))
	goes, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: short}})
	if err != nil {
		t.Fatal(err)
	}
	defer goes.Close()
	ended(t, goes.Events())
	if d := time.Since(until); d < 0 || d > time.Second {
		t.Errorf("closed %v after its time", d)
	}
	if !errors.Is(goes.Err(), client.ErrRefused) {
		t.Error(goes.Err())
	}
	published := make(chan struct{})
	time.AfterFunc(5*time.Second, func() {
		defer close(published)
		publishWith(t, s, token(time.Hour))
	})
	for e := range stays.Events() {
		switch e := e.(type) {
		case client.Disconnected:
			t.Fatalf("lost: %v", e.Err)
		case client.PriceUpdate:
			<-published // it is heard before it is acknowledged
			tokens := []string{short}
			for range len(given) {
				tokens = append(tokens, <-given)
			}
			secretsStayed(t, s, written, tokens...)
			return
		}
	}
	t.Error(stays.Err())
}

func publishWith(t *testing.T, s *server.Running, token string) {
	p, err := client.DialIngestor(t.Context(), s.URL(), &client.IngestorOptions{Options: client.Options{APIKey: token}})
	if err != nil {
		t.Error(err)
		return
	}
	defer p.Close()
	var refused *client.RequestError
	if err := p.PublishAck(t.Context(), client.PriceUpdate{Instrument: "ETH_USDT", Price: "1", TS: 1}); !errors.As(err, &refused) || refused.Code != client.CodeForbidden {
		t.Errorf("not granted: %v", err)
	}
	if err := p.PublishAck(t.Context(), client.PriceUpdate{Instrument: "BTC_USDT", Price: "1", TS: 1}); err != nil {
		t.Error(err)
	}
}

// secretsStayed fails if a part of a token is in the log, in metrics or in profiles.
func secretsStayed(t *testing.T, s *server.Running, log *logtest.Log, tokens ...string) {
	t.Helper()
	all := log.String()
	for _, path := range []string{"/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		_, text := (&instance{s, t}).ask("GET", path, nil)
		all += text
	}
	for _, token := range tokens {
		for _, part := range strings.Split(token, ".")[1:] {
			if strings.Contains(all, part) {
				t.Errorf("a part of a token got out")
			}
		}
	}
}

// A key of tokens that is taken out of the file ends the connections of its tokens.
func TestTokenKeysAreReloaded(t *testing.T) {
	t.Parallel()
	first, second := authtest.New(t, "a"), authtest.New(t, "b")
	path := filepath.Join(t.TempDir(), "keys.json")
	writeFile(t, path, string(authtest.Set(first, second)))
	s := servertest.Start(t, func(c *config.Serve) { c.JWTKeyFile = path })
	of := func(i *authtest.Issuer) *client.Conn {
		t.Helper()
		c, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: i.Token(authtest.Claims{"sub": "x", "exp": time.Now().Add(time.Hour).Unix()})}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	goes, stays := of(first), of(second)
	writeFile(t, path, string(authtest.Set(second)))
	if outcomes, err := s.Reload(within(t)); err != nil || outcomes[0].Changed != "0 keys of tokens added, 1 removed" {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if d := ended(t, goes.Events()); d > time.Second {
		t.Errorf("closed after %v", d)
	}
	if _, err := stays.Ping(within(t)); err != nil {
		t.Error(err)
	}
}

// A file that holds no key any more lets nobody in, unless it is empty: then it may be half written.
func TestTheLastKeyIsRevoked(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t, "k")
	dir := t.TempDir()
	consumers, tokens := filepath.Join(dir, "keys"), filepath.Join(dir, "keys.json")
	writeFile(t, consumers, "feed:"+keyOne+"\n")
	writeFile(t, tokens, string(authtest.Set(issuer)))
	written, log := debugLog()
	s := servertest.StartLogged(t, log, func(c *config.Serve) { c.ConsumerKeysFile, c.JWTKeyFile = consumers, tokens })
	token := issuer.Token(authtest.Claims{"sub": "x", "exp": time.Now().Add(time.Hour).Unix()})
	for _, of := range []struct{ path, key, none string }{{consumers, keyOne, "# nobody\n"}, {tokens, token, `{"keys":[]}`}} {
		c, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: of.key}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		writeFile(t, of.path, "")
		if _, err := s.Reload(within(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Ping(within(t)); err != nil {
			t.Errorf("behind an empty file: %v", err)
		}
		writeFile(t, of.path, of.none)
		if _, err := s.Reload(within(t)); err != nil {
			t.Fatal(err)
		}
		if d := ended(t, c.Events()); d > time.Second {
			t.Errorf("closed after %v", d)
		}
		if _, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: of.key}}); !errors.Is(err, client.ErrRefused) {
			t.Errorf("a revoked key: %v", err)
		}
		if text := written.String(); !strings.Contains(text, of.path+": holds no key any more") {
			t.Errorf("the log: %s", text)
		}
	}
	for flag, set := range map[string]func(*config.Serve){
		"--consumer-keys-file: ": func(c *config.Serve) { c.ConsumerKeysFile = consumers },
		"--jwt-key-file: ":       func(c *config.Serve) { c.JWTKeyFile = tokens },
	} {
		cfg := config.Default()
		set(&cfg)
		if _, err := server.New(cfg, server.Options{Logger: log}); err == nil || !strings.HasPrefix(err.Error(), flag) || !strings.Contains(err.Error(), "holds no key") {
			t.Errorf("a start without keys: %v", err)
		}
	}
}

// The keys of tokens are fetched, also by a server that starts before its issuer.
func TestTokenKeysAreFetched(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t, "k")
	up := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-up:
			_, _ = w.Write(authtest.Set(issuer))
		default:
			http.Error(w, "not yet", http.StatusBadGateway)
		}
	}))
	defer site.Close()
	written, log := debugLog()
	s := servertest.StartLogged(t, log, func(c *config.Serve) { c.JWTJWKSURL = site.URL + "?secret=sesame" })
	token := issuer.Token(authtest.Claims{"sub": "x", "exp": time.Now().Add(time.Hour).Unix(), "backbone.join": []string{"*"}})
	_, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: token}})
	var refused *client.ConnectError
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.RetryAfter == 0 {
		t.Fatalf("before there are keys: %v", err)
	}
	close(up)
	c, err := client.Dial(within(t), s.URL(), &client.ConnOptions{Options: client.Options{APIKey: token, KeepTrying: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(within(t), "X"); err != nil {
		t.Fatal(err)
	}
	if text := written.String(); strings.Contains(text, "sesame") || !strings.Contains(text, "502 Bad Gateway") || !strings.Contains(text, "without --jwt-audience") {
		t.Errorf("the log: %s", text)
	}
}

// An edge brings its key to upstream, and the next one once the file has changed.
func TestAnEdgeHasAKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, mine := filepath.Join(dir, "keys"), filepath.Join(dir, "mine")
	writeFile(t, keys, "edge:"+keyOne+"\n")
	writeFile(t, mine, keyOne+"\n")
	core := servertest.Start(t, func(c *config.Serve) { c.ConsumerKeysFile = keys })
	edge := servertest.Start(t, func(c *config.Serve) { c.Upstream, c.UpstreamKeyFile = []string{core.URL()}, mine })
	c, err := client.Dial(within(t), edge.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(within(t), "BTC_USDT"); err != nil {
		t.Fatal(err)
	}
	p, err := client.DialIngestor(within(t), core.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	next := func(price client.Price) {
		t.Helper()
		ticker := time.NewTicker(100 * time.Millisecond) // until the edge has joined upstream
		defer ticker.Stop()
		for {
			select {
			case e := <-c.Events():
				if u, ok := e.(client.PriceUpdate); ok && u.Price == price {
					return
				}
			case <-ticker.C:
				if err := p.Publish(within(t), client.PriceUpdate{Instrument: "BTC_USDT", Price: price, TS: 1}); err != nil {
					t.Fatal(err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("nothing came")
			}
		}
	}
	next("1")
	writeFile(t, mine, keyTwo+"\n")
	writeFile(t, keys, "edge:"+keyTwo+"\n")
	if _, err := core.Reload(within(t)); err != nil {
		t.Fatal(err)
	}
	next("2")
}
