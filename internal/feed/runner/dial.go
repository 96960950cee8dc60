package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"backbone/internal/feed"
)

// dialled is the outcome of an attempt: a life, or why there is none.
type dialled struct {
	life *life
	err  error
}

// dial makes one attempt, after as long as the exchange's limit of connections asks for.
func (r *Runner) dial(ctx context.Context, part feed.Part) (*life, error) {
	if err := r.connects.Wait(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, r.o.ConnectTimeout)
	defer cancel()
	limits := r.o.Exchange.Limits
	l := &life{
		session: part.New(), frames: make(chan input, 64), free: make(chan []byte, 64), out: make(chan []feed.Frame, 64),
		urgent: make(chan []feed.Frame, 64), pace: rate.NewLimiter(rate.Inf, 1), waiting: map[string]bool{},
	}
	if limits.Messages > 0 {
		l.pace = rate.NewLimiter(rate.Limit(limits.Messages*4/5), 1) // evenly, and pongs come between
	}
	for _, s := range part.Symbols {
		l.waiting[s] = true
	}
	to, err := l.session.Dial(limited, r.http)
	if err != nil {
		return nil, r.dialError(ctx, limited, err)
	}
	ws, _, err := websocket.Dial(limited, to.URL, &websocket.DialOptions{
		HTTPClient: r.http, HTTPHeader: to.Header,
		OnPingReceived: func(context.Context, []byte) bool {
			if limits.Pongs {
				l.pace.Reserve() // the pong goes out at once, and others wait for it
			}
			select {
			case l.frames <- input{ping: true}:
			default: // other frames wait, which say as well that the exchange lives
			}
			return true
		},
	})
	if err != nil {
		return nil, r.dialError(ctx, limited, err)
	}
	ws.SetReadLimit(feed.MaxFrame)
	l.ws = ws
	return l, nil
}

func (r *Runner) dialError(ctx, limited context.Context, err error) error {
	if no, ok := errors.AsType[*RefusedError](err); ok {
		return no
	}
	if in, ok := errors.AsType[*url.Error](err); ok {
		err = in.Err
	}
	if limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %v", r.o.ConnectTimeout)
	}
	return &ConnectError{err}
}

// refusing makes an error of an answer that is not what was asked for: a connection, or what a
// session asks for before. A redirect is none: where it leads was not asked for.
type refusing struct{ http.RoundTripper }

// RoundTrip is of http.RoundTripper.
func (t refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	granted := resp.StatusCode == http.StatusOK
	if r.Header.Get("Upgrade") != "" {
		granted = resp.StatusCode == http.StatusSwitchingProtocols
	}
	if !granted {
		defer resp.Body.Close()
		return nil, refused(resp)
	}
	return resp, nil
}

// refused reads an answer that refuses.
func refused(resp *http.Response) *RefusedError {
	e := &RefusedError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	if body, err := io.ReadAll(io.LimitReader(resp.Body, 1024)); err == nil {
		e.Body = feed.Clip(strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " "))
	}
	return e
}

// retryAfter reads the header, which has seconds or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= int(maxRetryAfter/time.Second) {
		return time.Duration(n) * time.Second
	} else if err == nil && n > 0 {
		return maxRetryAfter
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
