package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Sentinels for errors.Is.
var (
	// ErrRefused is wrapped by the error of a client that gives up, because the server does
	// not accept its credentials or its role (HTTP 401 or 403, close code 4401).
	ErrRefused = errors.New("refused by the server")
	// ErrConnectionLost is wrapped by the error of a call whose connection ended before the
	// reply came. The request may or may not have been carried out, and is not repeated.
	ErrConnectionLost = errors.New("connection lost")
	// ErrClosed is returned by calls after Close.
	ErrClosed = errors.New("client: closed")
)

// ConnectError is a failed attempt to connect. errors.Is(err, ErrRefused) is true if the server
// does not accept the credentials or the role, and false if it cannot be reached or is busy.
type ConnectError struct {
	URL        string
	Status     int           // HTTP status of the response; 0 if there was none
	RetryAfter time.Duration // from the response; 0 if it has none
	Err        error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("client: cannot connect to %s: %v", e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrRefused] and the server refused.
func (e *ConnectError) Is(target error) bool {
	return target == ErrRefused && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// CloseError says that the server closed a connection.
type CloseError struct {
	Code   CloseCode
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("client: the server closed the connection: %d %s", e.Code, e.Reason)
}

// Is reports true for [ErrConnectionLost], and for [ErrRefused] if the code says that the
// credentials are no longer valid.
func (e *CloseError) Is(target error) bool {
	return target == ErrConnectionLost || target == ErrRefused && e.Code == CloseUnauthorized
}

// RequestError says why a request was not carried out. It is the server's reply, or a mistake
// that was found before anything was sent. As an [Event] it belongs to no call that still
// waits.
type RequestError struct {
	Code    Code
	Message string // names the field and what was expected
	ID      string // of the request, as the server echoed it; empty if it had none
	Index   int    // position in the batch that was sent, from 0; -1 if there was no batch
}

func (e *RequestError) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("client: %s: event %d of the batch: %s", e.Code, e.Index, e.Message)
	}
	return fmt.Sprintf("client: %s: %s", e.Code, e.Message)
}

// JoinError lists the rooms that were not joined as a call asked. All other rooms of the call
// were.
type JoinError struct {
	Rejected  []Rejected // not joined
	Unchanged []string   // joined before with other options, which they keep; see JoinWith
}

func (e *JoinError) Error() string {
	var b strings.Builder
	separator := "client: "
	list := func(what string, n int, item func(i int) string) {
		const shown = 3
		for i := range min(shown, n) {
			b.WriteString(separator)
			if separator = "; "; i == 0 {
				b.WriteString(what)
			}
			b.WriteString(item(i))
		}
		if n > shown {
			fmt.Fprintf(&b, "; and %d more", n-shown)
		}
	}
	list("not joined: ", len(e.Rejected), func(i int) string {
		r := e.Rejected[i]
		return fmt.Sprintf("%q: %s: %s", r.Room, r.Code, r.Message)
	})
	list("joined before with other options: ", len(e.Unchanged), func(i int) string { return strconv.Quote(e.Unchanged[i]) })
	return b.String()
}

func invalid(code Code, format string, args ...any) *RequestError {
	return &RequestError{Code: code, Message: fmt.Sprintf(format, args...), Index: -1}
}
