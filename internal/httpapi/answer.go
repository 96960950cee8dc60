package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/transport"
	"backbone/protocol"
)

// answer is what a request gets.
type answer struct {
	status int
	body   []byte
	lines  bool          // the body is one message a line
	retry  time.Duration // after which the client can try again; 0: a second, where the status has it
}

// write sends the answer.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if a.lines {
		h.Set("Content-Type", mediaLines)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch a.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(max(1, (a.retry+time.Second-1)/time.Second))))
	}
	w.WriteHeader(a.status)
	w.Write(a.body) //nolint:errcheck // the client is gone
}

// failure is the answer of a request that was not carried out.
func failure(status int, code protocol.Code, text string) answer {
	m := protocol.ServerMessage{Type: protocol.TypeError, Code: code, Message: text}
	return answer{status: status, body: append(m.Append(nil), '\n')}
}

// refused is the answer of a request that transport did not let in.
func refused(r *transport.Refusal) answer {
	code := protocol.CodeUnavailable
	switch r.Status {
	case http.StatusBadRequest:
		code = protocol.CodeInvalidEvent
	case http.StatusUnauthorized:
		code = protocol.CodeUnauthorized
	case http.StatusForbidden:
		code = protocol.CodeForbidden
	case http.StatusTooManyRequests:
		code = protocol.CodeRateLimited
	}
	return failure(r.Status, code, r.Reason)
}

// wrong is the answer of a request that a visitor should not have sent.
func wrong(v *transport.Visitor, err error) answer {
	e := err.(*common.RequestError) //nolint:errorlint,forcetypeassert // the domains' contract: never wrapped
	v.Refused(e.Code)
	return failure(statusOf(e.Code), e.Code, e.Message)
}

// statusOf is the status of HTTP that goes with a code.
func statusOf(code protocol.Code) int {
	switch code {
	case protocol.CodeForbidden:
		return http.StatusForbidden
	case protocol.CodeNoPrice:
		return http.StatusNotFound
	case protocol.CodeTooManyInstruments, protocol.CodeTooManyRooms, protocol.CodeRateLimited:
		return http.StatusTooManyRequests
	case protocol.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
