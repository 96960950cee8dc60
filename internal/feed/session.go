package feed

import (
	"context"
	"net/http"
	"time"
)

// Fixed is the Dial of a session whose address is known. Sessions embed it.
type Fixed string

// Dial returns the address.
func (f Fixed) Dial(context.Context, *http.Client) (Target, error) {
	return Target{URL: string(f)}, nil
}

// Pings is the Tick of a session that says something again and again, such as a ping. Sessions
// embed it.
type Pings struct {
	Every time.Duration // 0: nothing is said
	Frame func() Frame

	last time.Time
}

// Tick returns the frame if it is due.
func (p *Pings) Tick(now time.Time) []Frame {
	if p.Every == 0 || now.Sub(p.last) < p.Every {
		return nil
	}
	p.last = now
	return []Frame{p.Frame()}
}
