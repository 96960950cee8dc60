package client

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"backbone/protocol"
)

// backoff returns the wait before the attempt that follows failures in a row, the last of
// which was err. r is random in [0, 1): "full jitter" (Brooker, "Exponential Backoff And
// Jitter", 2015), so that the clients of a lost server do not all come back together.
func (o *Options) backoff(failures int, err error, r float64) time.Duration {
	if d := retryAfter(err); d > 0 {
		return d + random(d/4+o.BackoffBase, r)
	}
	if closed, ok := errors.AsType[*CloseError](err); ok &&
		(closed.Code == protocol.CloseTryLater || closed.Code == protocol.CloseTooMany) {
		return o.BackoffMax/2 + random(o.BackoffMax/2, r)
	}
	limit := o.BackoffBase
	for range failures {
		if limit >= o.BackoffMax/2 {
			limit = o.BackoffMax
			break
		}
		limit *= 2
	}
	return random(min(limit, o.BackoffMax), r)
}

func random(limit time.Duration, r float64) time.Duration {
	return time.Duration(r * float64(limit))
}

func jitter() float64 { return rand.Float64() }

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
