package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// When a set is fetched.
const (
	refreshEvery = 5 * time.Minute  // so that keys that were taken out of it are noticed
	unknownEvery = 30 * time.Second // for unknown kids, at most
	retryFirst   = 1 * time.Second  // while there are no keys at all; doubles up to unknownEvery
	fetchTimeout = 5 * time.Second
	tellEvery    = 5 * time.Minute // the log of another reason, at most: some name a port that differs each time
	maxSet       = 1 << 20         // bytes
)

// KeySet is the JWK set (RFC 7517) at a URL. Its methods are safe for concurrent use by multiple
// goroutines; Run is called once.
type KeySet struct {
	// Immutable.
	url    string
	log    *slog.Logger
	client *http.Client
	asks   chan chan<- struct{} // each is closed when the set is as new as it may be

	keys   atomic.Pointer[TokenKeys] // the last good set; nil: there was none yet; set by Run
	failed atomic.Bool               // the last fetch did; set by Run

	fetches, failures atomic.Uint64

	// Owned by Run.
	last  time.Time // when it was fetched last, or tried; zero: never
	asked time.Time // likewise for an unknown kid
	retry time.Duration
	told  string // the reason that the log was told of; "": none since it worked

	toldAt time.Time
}

// NewKeySet returns the set at a URL, which is fetched once Run runs.
func NewKeySet(address string, log *slog.Logger) *KeySet {
	transport, _ := http.DefaultTransport.(*http.Transport)
	return &KeySet{
		url: address, log: log, asks: make(chan chan<- struct{}), retry: retryFirst,
		client: &http.Client{
			Transport: transport.Clone(), Timeout: fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Keys returns the last good set, nil if there was none yet.
func (s *KeySet) Keys() *TokenKeys { return s.keys.Load() }

// Fetches returns how often the set was fetched, and how often that failed.
func (s *KeySet) Fetches() (all, failed uint64) { return s.fetches.Load(), s.failures.Load() }

// Run keeps the set up to date until ctx ends.
func (s *KeySet) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			s.fetch(ctx)
		case done := <-s.asks:
			if time.Since(s.asked) >= unknownEvery { // whenever it was fetched otherwise: an issuer may change keys at any time
				s.fetch(ctx)
				s.asked = time.Now()
			}
			close(done)
		}
		next.Reset(s.next())
	}
}

// next is the time until the next fetch.
func (s *KeySet) next() time.Duration {
	every := refreshEvery
	switch {
	case s.keys.Load() == nil:
		every = s.retry
	case s.failed.Load():
		every = unknownEvery
	}
	return max(every-time.Since(s.last), 0)
}

// ask returns when the set is as new as it may be: it is fetched for unknown kids, but not more often
// than each unknownEvery. While it is being fetched others wait for the same answer.
func (s *KeySet) ask(gone <-chan struct{}) error {
	done, late := make(chan struct{}), time.NewTimer(fetchTimeout+time.Second)
	defer late.Stop()
	select {
	case s.asks <- done:
	case <-gone:
		return errUnavailable
	case <-late.C:
		return errUnavailable
	}
	select {
	case <-done:
	case <-gone:
		return errUnavailable
	case <-late.C:
		return errUnavailable
	}
	if s.failed.Load() {
		return errUnavailable
	}
	return nil
}

// fetch fetches the set. A failure, or a set without a key that can be used, leaves in use what was.
func (s *KeySet) fetch(ctx context.Context) {
	keys, err := s.get(ctx)
	if ctx.Err() != nil {
		return
	}
	s.last = time.Now()
	s.fetches.Add(1)
	s.failed.Store(err != nil)
	if err != nil {
		s.failures.Add(1)
		if s.keys.Load() == nil {
			s.retry = min(2*s.retry, unknownEvery)
		}
		if why := err.Error(); s.told == "" || why != s.told && time.Since(s.toldAt) >= tellEvery {
			s.told, s.toldAt = why, time.Now()
			meanwhile := "those that were fetched before stay in use"
			if s.keys.Load() == nil {
				meanwhile = "tokens cannot be checked until they are"
			}
			s.log.Warn("the keys of tokens could not be fetched: "+meanwhile, "flag", "--jwt-jwks-url", "err", why)
		}
		return
	}
	before := s.keys.Swap(keys)
	if before == nil || s.told != "" {
		s.log.Info("the keys of tokens were fetched", "keys", keys.Len(), "left_out", keys.LeftOut)
	} else if changed := keys.Difference(before); changed != "" {
		s.log.Info("the keys of tokens were fetched", "keys", keys.Len(), "left_out", keys.LeftOut, "changed", changed)
	}
	s.told = ""
}

func (s *KeySet) get(ctx context.Context) (*TokenKeys, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("the URL is not valid")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		if in, ok := errors.AsType[*url.Error](err); ok {
			err = in.Err // without the URL, whose query may be secret
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", fetchTimeout)
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxSet+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSet:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxSet)
	}
	keys, err := ParseJWKs(text)
	if err != nil {
		return nil, fmt.Errorf("the answer %w", err)
	}
	return keys, nil
}
