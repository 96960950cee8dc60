// Package rates bounds how much comes in a second. A [Rate] is a setting, a [Bucket] is the account
// of one sender.
package rates

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how much may come in a second, and how much at once. The zero Rate is no limit.
type Rate struct {
	PerSecond int
	Burst     int
}

// UnmarshalText reads "100", for a burst of one second, or "100/500". "0" is no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	first, second, both := strings.Cut(string(text), "/")
	var err error
	*r = Rate{}
	if r.PerSecond, err = number(first); err != nil {
		return err
	}
	if r.Burst = r.PerSecond; both {
		if r.Burst, err = number(second); err != nil {
			return err
		}
		if (r.Burst == 0) != (r.PerSecond == 0) {
			return fmt.Errorf("must be 0, or a rate and a burst of at least 1, not %q", text)
		}
	}
	return nil
}

func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("must be a rate a second, or with a burst RATE/BURST such as 100/500, from 0 to %d; not %q", math.MaxInt32, text)
	}
	return int(n), nil
}

// MarshalText writes the shortest text that UnmarshalText reads as r.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r Rate) String() string {
	if r.Burst == r.PerSecond {
		return strconv.Itoa(r.PerSecond)
	}
	return fmt.Sprintf("%d/%d", r.PerSecond, r.Burst)
}

// Valid reports whether r is one that UnmarshalText reads.
func (r Rate) Valid() bool {
	return r.PerSecond >= 0 && r.Burst >= 0 && (r.PerSecond == 0) == (r.Burst == 0)
}

// Limits reports whether r is a limit.
func (r Rate) Limits() bool { return r.PerSecond > 0 }

// Bucket returns the account of one sender, full at first. It is nil if r is no limit.
func (r Rate) Bucket() *Bucket {
	if !r.Limits() {
		return nil
	}
	return &Bucket{rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)}
}

// PerMinute returns the account of what may come so often in a minute, all of it at once: one more
// is not allowed. most is at least 0.
func PerMinute(most int) *Bucket {
	return &Bucket{rate.NewLimiter(rate.Every(time.Minute/time.Duration(max(most, 1))), most)}
}

// Bucket is the account of one sender: a bucket of tokens that fills with time. A nil Bucket limits
// nothing. One goroutine uses it.
type Bucket struct{ limiter *rate.Limiter }

// Allow takes a token, and reports false if there is none.
func (b *Bucket) Allow() bool { return b == nil || b.limiter.Allow() }

// Take takes n tokens, of which the bucket may lack some or have no place for so many. It returns how
// long it takes until they are there.
func (b *Bucket) Take(n int) (wait time.Duration) {
	if b == nil {
		return 0
	}
	now := time.Now()
	for ; n > 0; n -= b.limiter.Burst() { // a part that is larger than the bucket would never be there
		wait = b.limiter.ReserveN(now, min(n, b.limiter.Burst())).DelayFrom(now)
	}
	return wait
}

// Ready returns how long it takes until there is a token, without taking one.
func (b *Bucket) Ready() (wait time.Duration) {
	if b == nil {
		return 0
	}
	lack := 1 - b.limiter.Tokens()
	return time.Duration(max(0, lack) / float64(b.limiter.Limit()) * float64(time.Second))
}

// Burst is the most that comes at once; 0: there is no limit.
func (b *Bucket) Burst() int {
	if b == nil {
		return 0
	}
	return b.limiter.Burst()
}

// PerSecond is a rate with a burst of one second.
func PerSecond(n int) Rate { return Rate{PerSecond: n, Burst: n} }
