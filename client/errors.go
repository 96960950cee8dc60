package client

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/protocol"
)

// Sentinels for errors.Is.
var (
	// ErrRefused is wrapped by an error that says that the server does not accept the credentials
	// or the role of the client (HTTP 401 or 403, close code 4401). A client gives up with it if no
	// server has accepted it before, and after 4401 unless it has Options.Token.
	ErrRefused = errors.New("refused by the server")
	// ErrConnectionLost is wrapped by the error of a call whose connection ended before the
	// reply came. The request may or may not have been carried out, and is not repeated.
	ErrConnectionLost = errors.New("connection lost")
	// ErrClosed is returned by calls after Close.
	ErrClosed = errors.New("client: closed")
)

// ConnectError is a failed attempt to connect, or one to each of several servers.
// errors.Is(err, ErrRefused) is true if the server, or each of them, does not accept the credentials
// or the role, and false if one cannot be reached or is busy.
type ConnectError struct {
	URL        string        // that was tried, without secrets; of several, with commas between them
	Status     int           // HTTP status of the response; 0 if there was none, or if those of several differ
	RetryAfter time.Duration // from the response; 0 if it has none; of several, the shortest
	Err        error         // the cause; of several, with the URL of each
	// Attempts are those to several servers, in the order in which they were tried. It is nil if
	// there is only one server.
	Attempts []*ConnectError
}

func (e *ConnectError) Error() string {
	if e.Attempts != nil {
		return fmt.Sprintf("client: cannot connect: %v", e.Err)
	}
	return fmt.Sprintf("client: cannot connect to %s: %v", e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrRefused] and the server refused.
func (e *ConnectError) Is(target error) bool {
	return target == ErrRefused && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || refusedByAll(e.Attempts))
}

func refusedByAll(attempts []*ConnectError) bool {
	return len(attempts) > 0 && !slices.ContainsFunc(attempts, func(e *ConnectError) bool { return !e.Is(ErrRefused) })
}

// together makes one error of those of a round, which are not empty.
func together(failed []*ConnectError) *ConnectError {
	if len(failed) == 1 {
		return failed[0]
	}
	e := &ConnectError{Status: failed[0].Status, RetryAfter: failed[0].RetryAfter, Attempts: failed}
	var urls []string
	var causes causes
	for _, f := range failed {
		urls = append(urls, f.URL)
		causes = append(causes, f)
		e.RetryAfter = min(e.RetryAfter, f.RetryAfter)
		if f.Status != e.Status {
			e.Status = 0
		}
	}
	e.URL, e.Err = strings.Join(urls, ","), causes
	return e
}

// causes are why each of several attempts failed.
type causes []*ConnectError

func (c causes) Error() string {
	var texts []string
	for _, f := range c {
		texts = append(texts, fmt.Sprintf("%s: %v", f.URL, f.Err))
	}
	return strings.Join(texts, "; ")
}

// Unwrap leaves the attempts themselves out: that one server refuses does not make all refuse.
func (c causes) Unwrap() (all []error) {
	for _, f := range c {
		all = append(all, f.Err)
	}
	return all
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

// The types in errors are aliases of those in package protocol, so a program needs one import
// and can compare values of both packages.
type (
	// Code says what was wrong with a request. It is stable, unlike the message that comes with it.
	Code = protocol.Code
	// CloseCode is the status with which the server closed a connection.
	CloseCode = protocol.CloseCode
	// Rejected is one room of a join that was rejected while others were joined.
	Rejected = protocol.Rejected
)

// Codes of a [RequestError] and of a [Rejected] room.
const (
	CodeInvalidJSON        = protocol.CodeInvalidJSON        // not a JSON object
	CodeInvalidEvent       = protocol.CodeInvalidEvent       // a field is missing, of the wrong type or out of range
	CodeUnknownType        = protocol.CodeUnknownType        // the server knows no such type
	CodeUnknownField       = protocol.CodeUnknownField       // a key that this type does not have
	CodeInvalidRoom        = protocol.CodeInvalidRoom        // not the name of a room or an instrument
	CodeNotJoined          = protocol.CodeNotJoined          // leave of, or chat to, a room that was not joined
	CodeForbidden          = protocol.CodeForbidden          // not for this role, or not with these credentials
	CodeTooManyRooms       = protocol.CodeTooManyRooms       // the consumer's room limit is reached
	CodeTooManyInstruments = protocol.CodeTooManyInstruments // the instance keeps no further instruments of this producer
	CodeRateLimited        = protocol.CodeRateLimited        // faster than the configured rate; the message was dropped
	CodeUnavailable        = protocol.CodeUnavailable        // the instance is stopping
	CodeUnauthorized       = protocol.CodeUnauthorized       // only over plain HTTP: no valid credentials
	CodeNoPrice            = protocol.CodeNoPrice            // only over plain HTTP: no last price is known
)

// Codes of a [CloseError].
const (
	CloseNormal          = protocol.CloseNormal          // reply to the client's own close
	CloseGoingAway       = protocol.CloseGoingAway       // the server stops
	CloseProtocolError   = protocol.CloseProtocolError   // a frame that RFC 6455 forbids
	CloseUnsupportedData = protocol.CloseUnsupportedData // a binary message
	CloseInvalidData     = protocol.CloseInvalidData     // a text message that is not UTF-8
	CloseTooBig          = protocol.CloseTooBig          // a message over the size limit
	CloseRestart         = protocol.CloseRestart         // the server restarts
	CloseTryLater        = protocol.CloseTryLater        // the server is overloaded
	CloseUnauthorized    = protocol.CloseUnauthorized    // the credentials expired or were revoked
	CloseSlowConsumer    = protocol.CloseSlowConsumer    // the client does not read, or does not answer pings
	CloseTooMany         = protocol.CloseTooMany         // too many bad messages, or too many messages
)

func toError(m *protocol.ServerMessage) *RequestError {
	e := &RequestError{Code: m.Code, Message: m.Message, ID: m.ID, Index: -1}
	if m.Index != nil {
		e.Index = *m.Index
	}
	return e
}
