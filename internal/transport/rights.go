package transport

import (
	"errors"
	"net/http"

	"backbone/internal/auth"
	"backbone/internal/domain/common"
	"backbone/protocol"
)

// identify finds out who a connection is from, by the credentials of its handshake. The error is an
// *httpRefusal.
func (s *Server) identify(c *conn, credentials string) error {
	if s.opts.Access == nil {
		return nil
	}
	grant, err := s.opts.Access.Admit(c.identity.Role, credentials)
	if r, ok := errors.AsType[*auth.RefusedError](err); ok {
		status := http.StatusUnauthorized
		if r.Reason == auth.Forbidden {
			status = http.StatusForbidden
		}
		return &httpRefusal{status: status, reason: r.Text, why: r.Why}
	}
	if grant != nil {
		c.identity.Name, c.read.grant = grant.Name, grant
	}
	return nil
}

// notGranted is the error of a room that a client's credentials do not allow. A client may know that
// there are other rooms.
func notGranted(field, room string) *common.RequestError {
	return &common.RequestError{Code: protocol.CodeForbidden, Message: field + ": the credentials of this connection do not allow " + room}
}
