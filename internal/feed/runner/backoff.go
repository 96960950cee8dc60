package runner

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	firstRedial   = time.Second // a lost connection is dialled again within it
	maxBackoff    = time.Minute
	maxRetryAfter = 72 * time.Hour // the longest ban that an exchange is known to give
	slowRetry     = time.Minute    // at least, after an answer that would be final at the start
	banned        = time.Minute    // at least, after 418 or 429 that do not say how long
)

// wait is how long to wait before the next attempt, after so many failures in a row. err is why the
// last attempt failed; nil: a connection was lost that had worked.
func (k *keeper) wait(err error) time.Duration {
	if k.failures == 0 {
		return firstRedial/10 + rand.N(firstRedial*8/10)
	}
	most := min(firstRedial<<min(k.failures-1, 10), maxBackoff)
	d := most/2 + rand.N(most/2)
	no, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return d
	}
	least := no.RetryAfter
	if f := k.r.o.Exchange.Wait; f != nil {
		least = max(least, f(no.Status, no.Body))
	}
	if least == 0 && (no.Status == 418 || no.Status == 429) {
		least = banned
	}
	if no.final() {
		least = max(least, min(slowRetry<<min(k.failures-1, 4), 10*time.Minute))
	}
	if least > 0 {
		return least + rand.N(most) // not before it, and not all at once
	}
	return d
}
