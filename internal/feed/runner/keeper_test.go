package runner

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"backbone/internal/feed"
	"backbone/internal/feed/bybit"
	"backbone/internal/feed/kucoin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keeperOf is a keeper of a feed that does not run.
func keeperOf(t *testing.T, symbols ...string) *keeper {
	t.Helper()
	r, err := New(Options{Exchange: bybit.Linear(), Request: feed.Request{Kind: feed.Trades, Symbols: symbols}})
	if err != nil {
		t.Fatal(err)
	}
	return newKeeper(r, 0)
}

// While prices are not taken a bounded number waits, and the newest of each symbol is never lost.
func TestWhatWaitsIsBounded(t *testing.T) {
	k := keeperOf(t, "A", "B", "C")
	const all = 5 * maxQueued
	k.enqueue(feed.Price{Symbol: "B", Text: "7"})
	for n := range all {
		k.enqueue(feed.Price{Symbol: string("AC"[n%2]), Text: strconv.Itoa(n)})
		if len(k.queue) > maxQueued {
			t.Fatalf("%d prices wait", len(k.queue))
		}
	}
	newest := map[string]string{}
	last := -1
	for _, p := range k.queue {
		newest[p.Symbol] = p.Text
		if p.Symbol == "B" {
			continue
		}
		n, err := strconv.Atoi(p.Text)
		if err != nil || n <= last {
			t.Fatalf("%d comes behind %d", n, last)
		}
		last = n
	}
	if newest["A"] != strconv.Itoa(all-2) || newest["C"] != strconv.Itoa(all-1) || newest["B"] != "7" {
		t.Errorf("the newest that wait are %v", newest)
	}
	if got := k.counts[feed.Conflated].n; got != uint64(all+1-len(k.queue)) {
		t.Errorf("%d were left out of %d, and %d wait", got, all+1, len(k.queue))
	}
}

func TestWaits(t *testing.T) {
	refused := func(status int, body string, after time.Duration) error {
		return &RefusedError{Status: status, Body: body, RetryAfter: after}
	}
	for name, c := range map[string]struct {
		failures    int
		err         error
		least, most time.Duration
	}{
		"a connection was lost": {0, nil, 100 * time.Millisecond, 900 * time.Millisecond},
		"once":                  {1, errors.New("x"), 500 * time.Millisecond, time.Second},
		"four times":            {4, errors.New("x"), 4 * time.Second, 8 * time.Second},
		"for ever":              {1000, errors.New("x"), 30 * time.Second, time.Minute},
		"429":                   {1, refused(http.StatusTooManyRequests, "", 0), time.Minute, 61 * time.Second},
		"429 says when":         {1, refused(http.StatusTooManyRequests, "", 5*time.Second), 5 * time.Second, 6 * time.Second},
		"418 says when":         {2, refused(http.StatusTeapot, "", 72*time.Hour), 72 * time.Hour, 72*time.Hour + 2*time.Second},
		"503":                   {1, refused(http.StatusServiceUnavailable, "", 0), 500 * time.Millisecond, time.Second},
		"451":                   {1, refused(http.StatusUnavailableForLegalReasons, "", 0), time.Minute, 61 * time.Second},
		"451 again and again":   {20, refused(http.StatusUnavailableForLegalReasons, "", 0), 10 * time.Minute, 11 * time.Minute},
		"a ban of Bybit":        {1, refused(http.StatusForbidden, "403, access too frequent.", 0), 10 * time.Minute, 10*time.Minute + time.Second},
	} {
		k := keeperOf(t, "A")
		k.failures = c.failures
		for range 100 {
			if got := k.wait(c.err); got < c.least || got > c.most {
				t.Errorf("%s: %v, want from %v to %v", name, got, c.least, c.most)
				break
			}
		}
	}
}

// What came while this process did not run lies unread: no connection is dead and no symbol silent
// for that.
func TestAProcessThatStoodStillExcusesTheExchange(t *testing.T) {
	k := keeperOf(t, "A")
	began := time.Now()
	k.now = &life{born: began, heard: began}
	k.symbols["A"].heard = began
	k.excuse(began)
	k.excuse(began.Add(tickEvery))
	if k.now.heard != began {
		t.Errorf("an ordinary tick excuses %v", k.now.heard.Sub(began))
	}
	later := began.Add(tickEvery + 10*time.Minute)
	k.excuse(later)
	if quiet := later.Sub(k.now.heard); quiet > 2*tickEvery {
		t.Errorf("the connection counts as quiet for %v", quiet)
	}
	if quiet := later.Sub(k.symbols["A"].since()); quiet > 2*tickEvery {
		t.Errorf("the symbol counts as silent for %v", quiet)
	}
}

// The feed ends once the exchange takes none of the symbols of any connection.
func TestEndsWhenNoConnectionHasASymbolLeft(t *testing.T) {
	e := bybit.Linear()
	together := e.Plan
	e.Plan = func(r feed.Request) (parts []feed.Part, err error) { // each symbol has a connection
		for _, s := range r.Symbols {
			r.Symbols = []string{s}
			p, err := together(r)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p...)
		}
		return parts, nil
	}
	r, err := New(Options{Exchange: e, Request: feed.Request{Kind: feed.Trades, Symbols: []string{"A", "B", "C"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := newKeeper(r, 0), newKeeper(r, 1), newKeeper(r, 2)
	refuse := func(k *keeper, name string, want error) {
		t.Helper()
		if err := k.rejected(name, "no"); !errors.Is(err, want) {
			t.Fatalf("%s is rejected: %v, want %v", name, err, want)
		}
	}
	refuse(a, "A", nil)
	refuse(a, "A", nil) // once more, which is no second connection
	refuse(b, "B", nil)
	a.hopes() // it has a new connection, and asks again
	refuse(c, "C", nil)
	refuse(a, "A", ErrRejected)
	a.brings(a.symbols["A"], time.Now())
	refuse(b, "B", nil)
}

// What never was reached is given up when ConnectTimeout is over, not an attempt's pause later, and
// what came instead of an answer does not fill the screen.
func TestGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		r, err := New(Options{
			Exchange: bybit.Linear(), Request: feed.Request{URL: "ws://x/", Kind: feed.Trades, Symbols: []string{"A"}}, ConnectTimeout: 6 * time.Second,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				attempts++
				return nil, errors.New("malformed " + strings.Repeat("\u00e4", 5000))
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = r.Run(t.Context())
		if took := time.Since(began); !errors.As(err, new(*ConnectError)) || took != 6*time.Second || attempts < 3 {
			t.Errorf("after %v and %d attempts: %v", took, attempts, err)
		}
		if n := len(err.Error()); n > maxError+3 || !utf8.ValidString(err.Error()) {
			t.Errorf("the error has %d bytes: %s", n, err)
		}
	})
}

// An exchange may refuse at the handshake, and before when it is asked where to connect to.
func TestRefusals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			w.Header().Set("Retry-After", "7")
			http.Error(w, "too\n many", http.StatusTooManyRequests)
		case "/elsewhere":
			http.Redirect(w, r, "/busy", http.StatusFound)
		case "/page":
			_, _ = w.Write([]byte("<html>"))
		}
	}))
	defer server.Close()
	for path, want := range map[string]RefusedError{
		"/busy":      {Status: http.StatusTooManyRequests, RetryAfter: 7 * time.Second, Body: "too many"},
		"/elsewhere": {Status: http.StatusFound},
		"/page":      {Status: http.StatusOK, Body: "<html>"},
	} {
		for _, e := range []feed.Exchange{bybit.Linear(), kucoin.New()} {
			if e.Name == "kucoin" && want.Status == http.StatusOK {
				continue // what it is asked for
			}
			r, err := New(Options{Exchange: e, Request: feed.Request{URL: "ws" + strings.TrimPrefix(server.URL, "http") + path, Kind: feed.Trades, Symbols: []string{"A-B"}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.dial(t.Context(), r.parts[0])
			if got, ok := errors.AsType[*RefusedError](err); !ok || got.Status != want.Status || got.RetryAfter != want.RetryAfter || want.Body != "" && got.Body != want.Body {
				t.Errorf("%s answers %s: %+v, want %+v", path, e.Name, err, want)
			}
		}
	}
}
