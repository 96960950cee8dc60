package transport

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"backbone/internal/auth"
	"backbone/internal/domain/common"
	"backbone/internal/handshake"
	"backbone/internal/hostname"
	"backbone/protocol"
)

// admit decides whether a connection can be opened; the error is an *httpRefusal.
func (s *Server) admit(c *conn, h handshake.Head) error {
	if err := s.mayAsk(c.identity.Role, h); err != nil {
		return err
	}
	if err := s.identify(c, h.Credentials); err != nil {
		return err
	}
	return s.registry.open(c.place)
}

// mayAsk decides whether the server takes requests like this now; the error is an *httpRefusal.
func (s *Server) mayAsk(role protocol.Role, h handshake.Head) error {
	if s.draining.Load() {
		return busy("the server is stopping")
	}
	if s.opts.Short != nil && s.opts.Short() {
		s.stats.limited.count(limitMemory)
		return busy("the server is short of memory")
	}
	if !s.opts.Origins.Allowed(h.Origin, h.Host) {
		return &httpRefusal{status: http.StatusForbidden, reason: "this origin is not allowed"}
	}
	if h.Origin != "" {
		if err := s.strangeName(role, h); err != nil {
			return err
		}
	}
	if role == protocol.Ingestor && s.opts.ReadOnly != "" {
		return &httpRefusal{status: http.StatusForbidden, reason: "this instance is an edge and takes no events: publish to " + s.opts.ReadOnly}
	}
	return nil
}

// strangeName is the error of a request that a browser may have sent for the page of a stranger, under a name
// that resolves to this machine: the check of origins alone would take the page for one of the server's own.
func (s *Server) strangeName(role protocol.Role, h handshake.Head) error {
	if !s.opts.OneMachine || s.opts.TLS != nil || s.opts.Access != nil && !s.opts.Access.Open(role) || !s.opts.Origins.Rebound(h.Origin, h.Host) {
		return nil
	}
	return &httpRefusal{status: http.StatusForbidden, reason: fmt.Sprintf("no credentials are asked for here, so this server is not served as %.253q: connect by IP address or as localhost; behind a proxy set --trusted-proxies, and for a page of this name --allowed-origins", hostname.Of(h.Host))}
}

// identify finds out who a connection is from, by the credentials of its handshake. The error is an
// *httpRefusal.
func (s *Server) identify(c *conn, credentials string) error {
	grant, err := s.grant(c.identity.Role, &c.socket, credentials)
	if grant != nil {
		c.identity.Name, c.place.granted = grant.Name, grant
	}
	return err
}

// grant is what the credentials of a request allow in a role, or the certificate that was shown below it;
// nil: everything. The error is an *httpRefusal.
func (s *Server) grant(role protocol.Role, below *socket, credentials string) (*auth.Grant, error) {
	if s.opts.Access == nil {
		return nil, nil //nolint:nilnil // nobody needs credentials
	}
	var grant *auth.Grant
	var err error
	if name, until, has := below.certified(); has && credentials == "" && s.opts.Access.Certificates() {
		grant, err = s.opts.Access.AdmitCertificate(role, name, until)
	} else {
		grant, err = s.opts.Access.Admit(role, credentials, s.closing)
	}
	if r, ok := errors.AsType[*auth.RefusedError](err); ok {
		refusal := &httpRefusal{status: http.StatusUnauthorized, reason: r.Text, why: r.Why}
		switch r.Reason {
		case auth.Forbidden:
			refusal.status = http.StatusForbidden
		case auth.Unavailable:
			refusal.status, refusal.retry = http.StatusServiceUnavailable, true
		case auth.Unauthorized:
		}
		return nil, refusal
	}
	return grant, nil
}

// news is what became of the credentials of a connection. The ReadPump is told in a way that ends its
// wait: its read deadline passes.
type news struct {
	renewals uint32      // how often the client had sent others: news of those before are old
	now      *auth.Grant // what they allow; nil: nothing any more
}

// renew takes note of other credentials of a connection. Only run calls it.
func (r *registry) renew(p *place, to *auth.Grant) {
	p.renewals++
	p.grant = to
	r.recheck(p)
}

// recheck tells a connection what became of its credentials, if anything did. What it was told before
// and has not taken yet is replaced. Only run calls it.
func (r *registry) recheck(p *place) {
	if p.grant == nil {
		return
	}
	now := r.access.Still(p.client.identity.Role, p.grant)
	if now == p.grant {
		return
	}
	p.news.Store(&news{p.renewals, now})
	p.grant = now
	_ = p.conn.SetReadDeadline(time.Now()) // on failure the connection has ended
}

// Why connections end because of their credentials.
var (
	errRevoked = &closeError{code: protocol.CloseUnauthorized, reason: "the credentials were revoked"}
	errExpired = &closeError{code: protocol.CloseUnauthorized, reason: "the token has expired"}
	errChanged = &closeError{code: protocol.CloseRestart, reason: "the rights of these credentials have changed: connect again"}
)

// standing returns why the connection has to end because of its credentials, nil if it has not. What it
// has returned it returns again, even if the credentials are good again: the hub gives nothing any more to
// a client whose join was broken off for it.
func (r *readSide) standing() error {
	p := r.conn.place
	if p.ended == nil {
		p.ended = r.judge()
	}
	if p.ended == nil { // as an error it would not be nil
		return nil
	}
	return p.ended
}

// judge takes what the registry has told. To miss nothing it is to be called behind each change of the
// read deadline.
func (r *readSide) judge() *closeError {
	if r.conn.place.granted == nil {
		return nil
	}
	if n := r.conn.place.news.Load(); n != nil && n.renewals == r.renewals && n.now != r.conn.place.granted {
		switch {
		case n.now == nil:
			return errRevoked
		case n.now.Name != r.conn.identity.Name || r.losesRoom(n.now) != "":
			return errChanged
		}
		r.grant(n.now)
	}
	if until := r.conn.place.granted.Expires; !until.IsZero() && !time.Now().Before(until) {
		return errExpired
	}
	return nil
}

// grant notes what the client is allowed from now on, in place of something else.
func (r *readSide) grant(to *auth.Grant) {
	p := r.conn.place
	other := !p.granted.SameRooms(to)
	if p.granted = to; other {
		p.prefixes.lookAnew()
	}
}

// beforeExpiry is the earlier one of a time and the end of the credentials.
func (r *readSide) beforeExpiry(t time.Time) time.Time {
	if r.conn.place.granted == nil || r.conn.place.granted.Expires.IsZero() {
		return t
	}
	if left := time.Until(r.conn.place.granted.Expires); left < time.Until(t) {
		return time.Now().Add(left)
	}
	return t
}

// losesRoom returns a room that the client is in and that another grant does not allow, "" if there is
// none.
func (r *readSide) losesRoom(to *auth.Grant) string {
	if r.conn.identity.Role != protocol.Consumer || !to.Bounded() {
		return ""
	}
	for _, room := range r.conn.server.opts.Hub.RoomsOf(&r.conn.client) {
		if !to.Allows(room) {
			return room
		}
	}
	return ""
}

// authenticate replaces what the client's credentials allow by what those in o do.
func (r *readSide) authenticate(o *common.Object) error {
	if err := o.Only("token"); err != nil {
		return err
	}
	text, present, err := o.Text("token")
	switch {
	case err != nil:
		return err
	case !present:
		return common.Required("token")
	case r.conn.place.granted == nil:
		return common.Errorf(protocol.CodeForbidden, "type: this server asks for no credentials here")
	}
	r.publish() // what came before was allowed, and its acks need not wait for a key that has to be fetched
	r.flushReplies()
	grant, err := r.admit(string(text))
	if ended := r.standing(); ended != nil {
		return ended
	}
	if refused, ok := errors.AsType[*auth.RefusedError](err); ok {
		code := protocol.CodeForbidden
		if refused.Reason == auth.Unavailable {
			code = protocol.CodeUnavailable
		}
		return &common.RequestError{Code: code, Message: "token: " + refused.Text}
	}
	if grant.Name != r.conn.identity.Name {
		return common.Errorf(protocol.CodeForbidden, "token: is of another name than the connection")
	}
	if room := r.losesRoom(grant); room != "" {
		return common.Errorf(protocol.CodeForbidden, "token: does not allow %s, which is joined: leave it first", room)
	}
	r.grant(grant)
	r.renewals++
	r.conn.server.log.Debug("credentials renewed", "address", r.conn.RemoteAddr(), "role", r.conn.identity.Role, "name", grant.Name, "key_line", grant.Line())
	r.conn.server.registry.changes <- change{place: r.conn.place, step: regrants, grant: grant}
	id, _ := o.ID()
	reply := protocol.ServerMessage{Type: protocol.TypeAuthenticated, ID: id}
	if !grant.Expires.IsZero() {
		reply.Expires = grant.Expires.UnixMilli()
	}
	r.reply(reply)
	return nil
}

// admit is [auth.Access.Admit] for other credentials of the client. It waits no longer than those that it
// has are good.
func (r *readSide) admit(credentials string) (grant *auth.Grant, err error) {
	gone, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		grant, err = r.conn.server.opts.Access.Admit(r.conn.identity.Role, credentials, gone)
	}()
	every := time.NewTicker(standingEvery)
	defer every.Stop()
	for {
		select {
		case <-done:
			return grant, err
		case <-every.C:
			if r.standing() == nil {
				continue
			}
		case <-r.conn.server.closing:
		}
		close(gone)
		<-done
		return grant, err
	}
}

// notGranted is the error of a room that a client's credentials do not allow. A client may know that
// there are other rooms.
func notGranted(field, room string) *common.RequestError {
	return &common.RequestError{Code: protocol.CodeForbidden, Message: field + ": the credentials of this connection do not allow " + room}
}
