package transport

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/protocol"
)

// receipt is what the reply to an event needs: to its ack, or to its error.
type receipt struct {
	id    string // "": the client wants no ack
	index int    // in the array of the event's message; -1: it came alone
	field string // that names the event's room
}

// maxPublish bounds the events that are given to ingest at a time.
const maxPublish = 1024

// message handles one text message.
func (r *readSide) message(p []byte) error {
	r.scratch.messages++
	r.scratch.bytes += len(p)
	if !r.conn.place.asked.Load() {
		r.conn.place.asked.Store(true)
	}
	if r.conn.identity.Role != protocol.Ingestor {
		r.count()
		r.scratch.long = len(p) > longMessage
		r.scratch.last = len(p) > 0 && &p[len(p)-1] == &r.scratch.data[len(r.scratch.data)-1]
		end, gone := r.turn(r.scratch.long && bytes.Contains(p, roomsKey))
		if gone != nil {
			return gone
		}
		o, err := r.scratch.decoder.Object(p)
		end()
		return r.request(o, -1, err)
	}
	var fatal error
	err := r.scratch.decoder.Batch(p, func(index int, o *common.Object, err error) bool {
		fatal = r.request(o, index, err)
		return fatal == nil
	})
	if fatal == nil && err != nil {
		fatal = r.replyError(err, "", -1)
	}
	return fatal
}

// count counts the messages since it was called before. An ingestor's are counted once a read, because
// counters are shared with other connections, and before it is delayed.
func (r *readSide) count() {
	stats := r.conn.server.stats
	stats.messages.add(r.scratch.messages)
	stats.bytesIn.add(r.scratch.bytes)
	r.scratch.messages, r.scratch.bytes = 0, 0
}

// longMessage is the size past which a message of a consumer that names rooms is a long join, bytes.
const longMessage = 2 << 10

// roomsKey tells a message that names rooms before it is decoded. One that hides its key in escapes
// waits only when its rooms are read.
var roomsKey = []byte(`"rooms"`)

// turn waits until this connection is the one that works on a long join, if it has one. So a crowd
// of them keeps one core busy, and not all the time. The client hears a sign of life meanwhile.
// Until end is called the connection must wait for nothing that a client does. An error says that
// the connection has to end: nobody is left to join.
func (r *readSide) turn(long bool) (end func(), gone error) {
	if !long {
		return func() {}, nil
	}
	joins := r.conn.server.joins
	waited := time.Duration(0)
	begun := joins.Begin(standingEvery, func() bool {
		if waited += standingEvery; waited%reassureEvery == 0 {
			r.reassure()
		}
		gone = r.standing()
		return gone == nil
	})
	switch {
	case gone != nil:
		return nil, gone
	case !begun:
		return nil, errGone
	}
	if r.scratch.last && r.conn.socket.atEnd() {
		joins.End()
		return nil, errGone
	}
	return joins.End, nil
}

// pause is called between two pieces of a join of many rooms. It reports whether the join goes on: not
// where the credentials of the connection have ended.
func (r *readSide) pause() bool {
	if r.scratch.long {
		r.conn.server.joins.Pause()
	}
	return r.standing() == nil
}

// errGone ends a connection whose client left while its join waited.
var errGone = errors.New("the client left before it had joined")

// request handles one object of a message; malformed is what the decoder says about it. It
// returns a *closeError when the client has sent too many bad ones.
func (r *readSide) request(o *common.Object, index int, malformed error) error {
	if malformed == nil && o.Type() == protocol.TypeMarked && r.marked(o) {
		return nil // it was asked for, so no limit applies
	}
	id, _ := o.ID()
	if !r.withinRate() {
		return r.pastRate(id, index)
	}
	if err := r.standing(); err != nil {
		return err
	}
	err := malformed
	if err == nil {
		err = r.handle(o, index)
	}
	if _, ends := errors.AsType[*closeError](err); err == nil || ends || errors.Is(err, errGone) {
		return err
	}
	return r.replyError(err, id, index)
}

// replyError tells the client that a request was not carried out. It returns a *closeError when
// the client has sent too many of them in a minute.
func (r *readSide) replyError(err error, id string, index int) error {
	return r.bear(reasonBad, r.refuse(err, id, index))
}

// refuse tells the client that a request was not carried out.
func (r *readSide) refuse(err error, id string, index int) protocol.Code {
	e, ok := err.(*common.RequestError) //nolint:errorlint // the domains' contract: never wrapped
	if !ok {
		panic(fmt.Sprintf("transport: a request failed without a code: %v", err))
	}
	r.conn.server.stats.errors.count(string(e.Code))
	r.reply(errorMessage(e, id, index))
	return e.Code
}

func errorMessage(e *common.RequestError, id string, index int) protocol.ServerMessage {
	m := protocol.ServerMessage{Type: protocol.TypeError, Code: e.Code, Message: e.Message, ID: id}
	if index >= 0 {
		m.Index = &index
	}
	return m
}

// handle carries out one request, or returns the *common.RequestError that says why not, or why the
// connection has to end: errGone or a *closeError.
func (r *readSide) handle(o *common.Object, index int) error {
	typ := o.Type()
	switch typ {
	case protocol.TypePing:
		return r.ping(o)
	case protocol.TypeAuth:
		return r.authenticate(o)
	}
	domain, known := r.conn.server.opts.Domains.Lookup(typ)
	switch consumer := r.conn.identity.Role == protocol.Consumer; {
	case known && domain.Sender() == r.conn.identity.Role:
		return r.event(domain, o, index)
	case consumer && typ == protocol.TypeJoin:
		return r.join(o)
	case consumer && typ == protocol.TypeLeave:
		return r.leave(o)
	case consumer && typ == protocol.TypeRooms:
		return r.list(o)
	case consumer && typ == protocol.TypeMarked:
		_, err := mark(o)
		return err
	}
	return r.conn.server.notFor(r.conn.identity.Role, typ)
}

// notFor is the error of a request of a type that a role does not have.
func (s *Server) notFor(role protocol.Role, typ string) error {
	if s.takes(typ) {
		return common.Errorf(protocol.CodeForbidden, "type: %s is not for the role %s", typ, role)
	}
	return common.UnknownType(typ, s.takes)
}

// takes reports whether there is a request of this type, for whatever role, besides ping and auth.
func (s *Server) takes(typ string) bool {
	_, known := s.opts.Domains.Lookup(typ)
	return known || typ == protocol.TypeMarked || typ == protocol.TypeJoin || typ == protocol.TypeLeave || typ == protocol.TypeRooms
}

// event has a domain validate o, and keeps the event to be published with the others of this read.
func (r *readSide) event(domain common.Domain, o *common.Object, index int) error {
	e, err := domain.Validate(o)
	if err == nil {
		err = r.mayTalk()
	}
	if err != nil {
		return err
	}
	if origin := r.conn.server.opts.ReadOnly; origin != "" {
		return common.Errorf(protocol.CodeForbidden, "type: this instance is an edge and takes no events: send %s to %s", domain.Type(), origin)
	}
	id, _ := o.ID()
	if !r.conn.place.granted.Allows(e.Room) { // no bad message: it is valid, and others of its batch may be allowed
		r.eventError(receipt{id: id, index: index}, protocol.CodeForbidden, notGranted(domain.RoomField(), e.Room).Message)
		return nil
	}
	if domain.MembersOnly() && len(r.conn.server.opts.Hub.Among(&r.conn.client, []string{e.Room}, nil)) == 0 {
		return common.Errorf(protocol.CodeNotJoined, "room: join %s first", e.Room)
	}
	if r.scratch.events == nil {
		r.scratch.events = make([]hub.BroadcastEvent, 0, eventsIn(len(r.scratch.data), len(e.Payload)))
	}
	r.scratch.events = append(r.scratch.events, hub.BroadcastEvent{})
	r.scratch.receipts = append(r.scratch.receipts, receipt{})
	i := len(r.scratch.events) - 1
	broadcast(&r.scratch.events[i], domain, e)
	to := &r.scratch.receipts[i]
	to.id, to.index, to.field = id, index, domain.RoomField()
	if len(r.scratch.events) >= maxPublish {
		r.publish()
	}
	return nil
}

// broadcast makes e the event of a domain as ingest takes it. It is written where it stays: an event
// is large to copy.
func broadcast(e *hub.BroadcastEvent, domain common.Domain, of common.Event) {
	e.Room, e.Payload, e.Type, e.Kind = of.Room, of.Payload, domain.Type(), hub.Message
	if ends := domain.Ends(); ends != "" {
		e.Type, e.Kind = ends, hub.State
	} else if domain.State() {
		e.Kind = hub.State
	}
}

// eventsIn is about how many events the bytes of a read hold, by the first one's payload. It is
// rather too many: others may be shorter.
func eventsIn(bytes, payload int) int {
	const around = 6 // a short frame's header and mask
	n := max(bytes/(payload+around), 1)
	return min(n+n/8, maxPublish)
}

// publish gives the events of the read under way to ingest, and replies to those that want it.
func (r *readSide) publish() {
	events, receipts := r.scratch.events, r.scratch.receipts
	if len(events) == 0 {
		return
	}
	r.scratch.events = nil // ingest owns them from now on
	if r.publisher == nil {
		r.publisher = r.conn.server.opts.Ingest.Publisher(r.conn.producer(), r.conn.RemoteAddr().String())
	}
	rejected, err := r.publisher.Publish(events)
	for i, to := range receipts {
		switch {
		case err != nil:
			r.eventError(to, protocol.CodeUnavailable, err.Error())
		case len(rejected) > 0 && rejected[0] == i:
			rejected = rejected[1:]
			r.eventError(to, protocol.CodeTooManyInstruments, to.field+": "+ingest.ErrTooManyInstruments.Error())
		case to.id != "":
			r.reply(protocol.ServerMessage{Type: protocol.TypeAck, ID: to.id})
		}
	}
	clear(receipts)
	r.scratch.receipts = receipts[:0]
}

// eventError tells the client that a valid event was not published. It does not count as a bad
// message.
func (r *readSide) eventError(to receipt, code protocol.Code, message string) {
	r.conn.server.stats.errors.count(string(code))
	r.reply(errorMessage(&common.RequestError{Code: code, Message: message}, to.id, to.index))
}

func (r *readSide) ping(o *common.Object) error {
	if err := o.Only(); err != nil {
		return err
	}
	r.publish() // the pong says that everything before it was handled, and comes behind its errors
	id, _ := o.ID()
	now := time.Now().UnixMilli()
	r.reply(protocol.ServerMessage{Type: protocol.TypePong, ID: id, TS: &now})
	return nil
}
