package auth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/auth"
	"backbone/internal/auth/authtest"
	"backbone/internal/logtest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is the server of a JWK set.
type site struct {
	status  atomic.Int64
	body    atomic.Pointer[string]
	delay   atomic.Int64
	fetches atomic.Int64
}

func (s *site) set(status int, body string) { s.status.Store(int64(status)); s.body.Store(&body) }

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if s.status.Load() == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: int(s.status.Load()), Body: io.NopCloser(strings.NewReader(*s.body.Load())), Request: r}, nil
}

// at runs a test with the set of a site.
func at(t *testing.T, test func(s *site, set *auth.KeySet, access *auth.Access, log *logtest.Log)) {
	synctest.Test(t, func(t *testing.T) {
		s, log := &site{}, &logtest.Log{}
		s.set(0, "")
		set := auth.NewKeySet("https://issuer.example/keys?secret=sesame", slog.New(slog.NewTextHandler(log, nil)))
		set.Through(s)
		access := auth.New(auth.Options{Tokens: auth.NewTokens(auth.TokenOptions{Algorithms: usual, Set: set})})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { set.Run(ctx) })
		test(s, set, access, log)
		if strings.Contains(log.Take(), "sesame") {
			t.Error("a secret in the log")
		}
		stop()
		running.Wait()
	})
}

func tokenOf(i *authtest.Issuer) string {
	return i.Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(24 * time.Hour).Unix()})
}

func reason(access *auth.Access, token string) string {
	_, err := access.Admit(protocol.Consumer, token, nil)
	if refused, ok := errors.AsType[*auth.RefusedError](err); ok {
		return map[auth.Reason]string{auth.Unauthorized: "unauthorized", auth.Unavailable: "unavailable"}[refused.Reason]
	}
	return ""
}

func TestASetThatIsAwayAtTheStartIsFetchedSoon(t *testing.T) {
	issuer := authtest.New(t, "a")
	at(t, func(s *site, _ *auth.KeySet, access *auth.Access, log *logtest.Log) {
		synctest.Wait()
		if got := reason(access, tokenOf(issuer)); got != "unavailable" {
			t.Errorf("refused as %q", got)
		}
		if text := log.Take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "connection refused") {
			t.Errorf("log: %s", text)
		}
		time.Sleep(4 * time.Second)
		s.set(200, string(authtest.Set(issuer)))
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if got := reason(access, tokenOf(issuer)); got != "" {
			t.Errorf("refused as %q", got)
		}
		if text := log.Take(); !strings.Contains(text, "the keys of tokens were fetched") {
			t.Errorf("log: %s", text)
		}
	})
}

func TestAnUnknownKidFetchesTheSetOnceIn30Seconds(t *testing.T) {
	first, second, third := authtest.New(t, "a"), authtest.New(t, "b"), authtest.New(t, "c")
	at(t, func(s *site, set *auth.KeySet, access *auth.Access, log *logtest.Log) {
		s.set(200, string(authtest.Set(first)))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before := s.fetches.Load()
		s.set(200, string(authtest.Set(first, second))) // just after it was fetched
		if got := reason(access, tokenOf(second)); got != "" {
			t.Errorf("a new key: %q", got)
		}
		for range 100 {
			if got := reason(access, tokenOf(third)); got != "unauthorized" {
				t.Errorf("an unknown key: %q", got)
			}
		}
		if n := s.fetches.Load() - before; n != 1 {
			t.Errorf("%d fetches for unknown keys", n)
		}
		time.Sleep(30 * time.Second)
		s.set(200, string(authtest.Set(first, second, third)))
		s.delay.Store(int64(3 * time.Second))
		begin := time.Now()
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() {
				if got := reason(access, tokenOf(third)); got != "" {
					t.Errorf("after the fetch: %q", got)
				}
				if d := time.Since(begin); d != 3*time.Second {
					t.Errorf("waited %v", d)
				}
			})
			waiting.Go(func() {
				if reason(access, tokenOf(first)) != "" || time.Since(begin) != 0 {
					t.Error("a known key waits")
				}
			})
		}
		waiting.Wait()
		if n := s.fetches.Load() - before; n != 2 {
			t.Errorf("%d fetches, one of them for 20 tokens", n)
		}
		if all, failed := set.Fetches(); all < 3 || failed > 1 {
			t.Errorf("%d fetches, %d failed", all, failed)
		}
	})
}

func TestWhatIsNoSetLeavesTheLastOneInUse(t *testing.T) {
	issuer := authtest.New(t, "a")
	for name, c := range map[string]struct {
		status int
		body   string
		delay  time.Duration
		why    string
	}{
		"down":      {0, "", 0, "connection refused"},
		"500":       {500, string(authtest.Set(authtest.New(t, "x"))), 0, "500 Internal Server Error"},
		"redirect":  {302, "", 0, "302 Found"},
		"HTML":      {200, "<html>", 0, "no JWK set"},
		"empty set": {200, `{"keys":[]}`, 0, "no key that can be used"},
		"null":      {200, `null`, 0, "no key that can be used"},
		"no keys":   {200, `{}`, 0, "no key that can be used"},
		"too long":  {200, strings.Repeat(" ", 2<<20), 0, "longer than"},
		"hangs":     {200, string(authtest.Set(authtest.New(t, "x"))), time.Hour, "no answer within 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			at(t, func(s *site, set *auth.KeySet, access *auth.Access, log *logtest.Log) {
				s.set(200, string(authtest.Set(issuer)))
				time.Sleep(5 * time.Second) // also if the first attempt came before
				synctest.Wait()
				log.Take()
				s.set(c.status, c.body)
				s.delay.Store(int64(c.delay))
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := reason(access, tokenOf(issuer)); got != "" || set.Keys().Len() != 1 {
					t.Errorf("refused as %q", got)
				}
				begin := time.Now()
				if got := reason(access, tokenOf(authtest.New(t, "b"))); got != "unavailable" || time.Since(begin) > 7*time.Second {
					t.Errorf("another: %q after %v", got, time.Since(begin))
				}
				if text := log.Take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, c.why) {
					t.Errorf("log: %s", text)
				}
				s.delay.Store(0)
				s.set(200, string(authtest.Set(issuer)))
				time.Sleep(time.Minute)
				synctest.Wait()
				if text := log.Take(); !strings.Contains(text, "the keys of tokens were fetched") {
					t.Errorf("log: %s", text)
				}
			})
		})
	}
}

// A key that the issuer takes out of its set is not used for long.
func TestAKeyThatLeavesTheSetIsForgotten(t *testing.T) {
	first, second := authtest.New(t, "a"), authtest.New(t, "b")
	at(t, func(s *site, _ *auth.KeySet, access *auth.Access, log *logtest.Log) {
		s.set(200, string(authtest.Set(first)))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		grant, err := access.Admit(protocol.Consumer, tokenOf(first), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.set(200, string(authtest.Set(second)))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := reason(access, tokenOf(first)); got != "unauthorized" {
			t.Errorf("refused as %q", got)
		}
		if access.Still(protocol.Consumer, grant) != grant {
			t.Error("a connection ends because its issuer changes its keys")
		}
		if text := log.Take(); !strings.Contains(text, "1 keys of tokens added, 1 removed") {
			t.Errorf("log: %s", text)
		}
	})
}

// An issuer whose keys have no kid changes its key.
func TestAKeyWithoutAKidIsReplacedAtTheURL(t *testing.T) {
	for name, kid := range map[string]string{"no kid": "", "a kid of tokens only": "a"} {
		first, second := authtest.New(t, kid), authtest.New(t, kid)
		at(t, func(s *site, _ *auth.KeySet, access *auth.Access, _ *logtest.Log) {
			set := func(i *authtest.Issuer) { s.set(200, strings.Replace(string(authtest.Set(i)), `"kid":"a",`, "", 1)) }
			set(first)
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := reason(access, tokenOf(first)); got != "" {
				t.Errorf("%s: the first: %q", name, got)
			}
			set(second)
			before := s.fetches.Load()
			if got := reason(access, tokenOf(second)); got != "" {
				t.Errorf("%s: the second: %q", name, got)
			}
			for range 10 {
				if got := reason(access, tokenOf(first)); got != "unauthorized" {
					t.Errorf("%s: the first, once it is gone: %q", name, got)
				}
			}
			if n := s.fetches.Load() - before; n != 1 {
				t.Errorf("%s: %d fetches", name, n)
			}
		})
	}
}

// A handshake that waits for a key ends with the server.
func TestWhoWaitsForAKeyEndsWithTheServer(t *testing.T) {
	at(t, func(s *site, _ *auth.KeySet, access *auth.Access, _ *logtest.Log) {
		s.delay.Store(int64(time.Hour))
		synctest.Wait()
		gone, begin := make(chan struct{}), time.Now()
		time.AfterFunc(time.Second, func() { close(gone) })
		if _, err := access.Admit(protocol.Consumer, tokenOf(authtest.New(t, "a")), gone); err == nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
