package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"backbone/internal/serverurl"
	"backbone/protocol"
)

// servers are those that a session connects to, one at a time. run owns them; before it starts,
// open does.
type servers struct {
	all      []target
	path     string // to connect to at each
	at       int    // of all: the one that is connected, or tried next
	accepted bool   // one of them has accepted the client
	renews   bool   // each attempt has its own token
}

// target is one of them, and what its last attempt or connection has brought.
type target struct {
	serverurl.Server
	failed   *ConnectError // why it was given up last; nil: it accepts, or was not tried
	refusals int           // in a row
	until    time.Time     // when it may be tried again
}

// next makes the one after it the server that is tried next.
func (s *servers) next() { s.at = (s.at + 1) % len(s.all) }

// round tries each server once, from the next on, but for those that are to be left alone. Its error
// is a *ConnectError.
func (s *session) round(ctx context.Context) (*connection, error) {
	var failed []*ConnectError
	for range s.servers.all {
		to := &s.servers.all[s.servers.at]
		if to.failed == nil || time.Until(to.until) <= 0 {
			conn, err := s.dial(ctx, to)
			if err == nil {
				to.failed, to.refusals, s.servers.accepted = nil, 0, true
				conn.at = s.servers.at
				return conn, nil
			}
			to.failed = err
			to.rest(s.opt.pause(to.refusals, err, jitter()))
			if errors.Is(err, ErrRefused) {
				to.refusals++
			} else {
				to.refusals = 0
			}
		}
		failed = append(failed, to.failed)
		s.servers.next()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, together(failed)
}

// rest leaves the server alone for a while.
func (s *target) rest(d time.Duration) { s.until = time.Now().Add(d) }

// final reports whether the client ends with err. A refusal is the server's word on the credentials
// as long as it has never accepted them, or if it ends a connection with it, unless the next attempt
// has others. After that it may be that of something in between, which answers 403 while the server
// restarts.
func (s *servers) final(err error) bool {
	return errors.Is(err, ErrRefused) && (!s.accepted || !s.renews && errors.As(err, new(*CloseError)))
}

// lost notes that conn ended with err. The server after its own is tried next.
func (s *session) lost(conn *connection, err error) {
	s.servers.at = conn.at
	from := &s.servers.all[conn.at]
	if d := s.opt.pause(0, err, jitter()); d > 0 {
		from.failed = &ConnectError{URL: from.Shown(s.servers.path), Err: err}
		from.rest(d)
	}
	s.servers.next()
}

// wait is the time until the next round, after failures in a row.
func (s *session) wait(failures int) time.Duration {
	earliest := slices.MinFunc(s.servers.all, func(a, b target) int { return a.until.Compare(b.until) })
	return max(s.opt.backoff(failures, jitter()), time.Until(earliest.until))
}

// backoff returns the wait before the round that follows failures in a row. r is random in [0, 1):
// "full jitter" (Brooker, "Exponential Backoff And Jitter", 2015), so that the clients of a lost
// server do not all come back together.
func (o *Options) backoff(failures int, r float64) time.Duration {
	return random(doubled(o.BackoffBase, failures, o.BackoffMax), r)
}

// refusedMax bounds the wait before an attempt at a server that has refused a client that it, or
// another one, had accepted.
const refusedMax = time.Minute

// pause returns how long a server must be left alone that has failed with err. It is 0 if the wait
// between two rounds is enough.
func (o *Options) pause(refusals int, err error, r float64) time.Duration {
	if d := retryAfter(err); d > 0 {
		return d + random(d/4+o.BackoffBase, r)
	}
	half := time.Duration(0)
	if closed, ok := errors.AsType[*CloseError](err); ok &&
		(closed.Code == protocol.CloseTryLater || closed.Code == protocol.CloseTooMany) {
		half = o.BackoffMax / 2
	} else if errors.Is(err, ErrRefused) && (o.Token == nil || !errors.As(err, new(*CloseError))) {
		half = doubled(o.BackoffMax, refusals, max(refusedMax, o.BackoffMax)) / 2
	}
	return half + random(half, r)
}

// doubled returns d, doubled so often, at most limit.
func doubled(d time.Duration, times int, limit time.Duration) time.Duration {
	for range times {
		if d >= limit/2 {
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}

func random(limit time.Duration, r float64) time.Duration {
	return time.Duration(r * float64(limit))
}

// How long a join waits that the server has refused because it came too soon: half of it at random, and twice as
// long after each further refusal.
const (
	lateJoin    = 2 * time.Second
	lateJoinMax = 30 * time.Second
)

// pauseAfter is the wait after so many further refusals in a row. r is random in [0, 1).
func pauseAfter(refusals int, r float64) time.Duration {
	half := doubled(lateJoin, refusals, lateJoinMax) / 2
	return half + random(half, r)
}

func jitter() float64 { return rand.Float64() }

// sleep reports false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func retryAfter(err error) time.Duration {
	if failed, ok := errors.AsType[*ConnectError](err); ok {
		return failed.RetryAfter
	}
	return 0
}

// parseRetryAfter reads the header's two forms (RFC 9110, 10.2.3), at most an hour.
func parseRetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	var d time.Duration
	if seconds, err := strconv.ParseUint(v, 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), time.Hour)
}
