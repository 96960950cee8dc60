package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backbone/protocol"
)

// Sentinels for errors.Is.
var (
	// ErrRefused is in an error that no further attempt will cure: the credentials or
	// the role are not accepted (HTTP 401 or 403, close code 4401).
	ErrRefused = errors.New("refused by the server")
	// ErrConnectionLost is in the error of a call whose connection ended before the
	// answer came. What was sent may or may not have been carried out; it is not
	// repeated.
	ErrConnectionLost = errors.New("connection lost")
	// ErrClosed is returned by calls after Close.
	ErrClosed = errors.New("client: closed")
)

// ConnectError is an attempt to connect that failed. errors.Is(err, ErrRefused) tells
// a refusal from a server that can not be reached or is busy.
type ConnectError struct {
	URL        string
	Status     int           // HTTP status of the answer; 0 if there was none
	RetryAfter time.Duration // what the answer asked for; 0 if nothing
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

// CloseError is the server's close of a connection.
type CloseError struct {
	Code   protocol.CloseCode
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("client: the server closed the connection: %d %s", e.Code, e.Reason)
}

// Is reports whether target is [ErrConnectionLost], or [ErrRefused] and the code says
// that the credentials are no longer good.
func (e *CloseError) Is(target error) bool {
	return target == ErrConnectionLost || target == ErrRefused && e.Code == protocol.CloseUnauthorized
}

// RequestError is a request that was not carried out: the server's answer, or what was
// found before anything was sent. As an [Event] it answers no call that still waits.
type RequestError struct {
	Code    protocol.Code
	Message string // names the field and what was expected
	ID      string // of the request, as the server echoed it; empty if it had none
	Index   int    // position in the batch that was sent, from 0; -1 outside of one
}

func (e *RequestError) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("client: %s: event %d of the batch: %s", e.Code, e.Index, e.Message)
	}
	return fmt.Sprintf("client: %s: %s", e.Code, e.Message)
}

// JoinError lists the rooms that a join did not get. All others of the call are joined.
type JoinError struct {
	Rejected []protocol.Rejected
}

func (e *JoinError) Error() string {
	var b strings.Builder
	b.WriteString("client: not joined: ")
	const shown = 3
	for i, r := range e.Rejected[:min(shown, len(e.Rejected))] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%q: %s: %s", r.Room, r.Code, r.Message)
	}
	if more := len(e.Rejected) - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

func invalid(code protocol.Code, format string, args ...any) *RequestError {
	return &RequestError{Code: code, Message: fmt.Sprintf(format, args...), Index: -1}
}
