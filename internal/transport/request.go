package transport

import (
	"fmt"
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/protocol"
)

// request is one event of the read under way, to be answered once ingest has it.
type request struct {
	id    string // "" for none
	index int    // within its message's array; -1: it stood alone
}

// maxPublish bounds the events that are given to ingest at a time.
const maxPublish = 1024

// message handles one text message.
func (c *conn) message(p []byte) error {
	c.server.stats.messages.add(1)
	c.server.stats.bytesIn.add(len(p))
	if c.identity.Role == protocol.Ingestor {
		var fatal error
		err := c.socket.scratch.decoder.Batch(p, func(index int, o *common.Object, err error) {
			if fatal == nil {
				fatal = c.answered(o, index, c.handle(o, index, err))
			}
		})
		if fatal == nil && err != nil {
			fatal = c.refuse(err, "", -1)
		}
		return fatal
	}
	o, err := c.socket.scratch.decoder.Object(p)
	return c.answered(o, -1, c.handle(o, -1, err))
}

// answered counts how the handling of o ended and tells the client if it was refused.
func (c *conn) answered(o *common.Object, index int, err error) error {
	if err == nil {
		c.bad = 0
		return nil
	}
	id, _ := o.ID()
	return c.refuse(err, id, index)
}

// refuse answers a request that is not carried out. It returns a *fault when the
// client has sent too many of them in a row.
func (c *conn) refuse(err error, id string, index int) error {
	e, ok := err.(*common.Error) //nolint:errorlint // the domains' contract: never wrapped
	if !ok {
		panic(fmt.Sprintf("transport: a message was refused without a code: %v", err))
	}
	c.server.stats.errors.count(string(e.Code))
	c.answer(errorMessage(e, id, index))
	if c.bad++; int(c.bad) >= c.server.opts.Limits.MaxBadMessages {
		return &fault{protocol.CloseTooMany, "too many bad messages in a row"}
	}
	return nil
}

func errorMessage(e *common.Error, id string, index int) protocol.ServerMessage {
	m := protocol.ServerMessage{Type: protocol.TypeError, Code: e.Code, Message: e.Message, ID: id}
	if index >= 0 {
		m.Index = &index
	}
	return m
}

// answer adds m to the replies of the read under way.
func (c *conn) answer(m protocol.ServerMessage) {
	c.socket.scratch.replies = Frame(c.socket.scratch.replies, string(m.Append(nil)))
	c.boundReplies()
}

// handle carries out one request, or returns the *common.Error why not.
func (c *conn) handle(o *common.Object, index int, err error) error {
	if c.limiter != nil && !c.limiter.Allow() {
		return common.Errorf(protocol.CodeRateLimited, "more than %d messages a second", c.server.opts.Limits.MaxMessageRate)
	}
	if err != nil {
		return err
	}
	typ := o.Type()
	if typ == protocol.TypePing {
		return c.ping(o)
	}
	domain, known := c.server.opts.Domains.Lookup(typ)
	switch consumer := c.identity.Role == protocol.Consumer; {
	case known && domain.Sender() == c.identity.Role:
		return c.event(domain, o, index)
	case consumer && typ == protocol.TypeJoin:
		return c.join(o)
	case consumer && typ == protocol.TypeLeave:
		return c.leave(o)
	case known, typ == protocol.TypeJoin, typ == protocol.TypeLeave:
		return common.Errorf(protocol.CodeForbidden, "type: %s is not for the role %s", typ, c.identity.Role)
	}
	return common.Errorf(protocol.CodeUnknownType, "type: there is no type %s", common.Quote(typ))
}

// event has a domain validate o and takes the event into the read under way.
func (c *conn) event(domain common.Domain, o *common.Object, index int) error {
	e, err := domain.Validate(o)
	if err != nil {
		return err
	}
	if domain.MembersOnly() && len(c.server.opts.Hub.Among(&c.client, []string{e.Room})) == 0 {
		return common.Errorf(protocol.CodeNotJoined, "room: join %s first", e.Room)
	}
	kind := hub.Message
	if e.State {
		kind = hub.State
	}
	id, _ := o.ID()
	d := c.socket.scratch
	d.events = append(d.events, hub.BroadcastEvent{Room: e.Room, Payload: e.Payload, Kind: kind})
	d.asked = append(d.asked, request{id: id, index: index})
	if len(d.events) >= maxPublish {
		c.publish()
	}
	return nil
}

// publish gives the events of the read under way to ingest and acknowledges those
// that it took.
func (c *conn) publish() {
	d := c.socket.scratch
	if len(d.events) == 0 {
		return
	}
	if c.publisher == nil {
		c.publisher = c.server.opts.Ingest.Publisher()
	}
	rejected, err := c.publisher.Publish(d.events)
	for i, r := range d.asked {
		switch {
		case err != nil:
			c.server.stats.errors.count(string(protocol.CodeUnavailable))
			c.answer(errorMessage(&common.Error{Code: protocol.CodeUnavailable, Message: err.Error()}, r.id, r.index))
		case len(rejected) > 0 && rejected[0] == i:
			rejected = rejected[1:]
			c.server.stats.errors.count(string(protocol.CodeTooManyInstruments))
			c.answer(errorMessage(&common.Error{Code: protocol.CodeTooManyInstruments, Message: "instrument: " + ingest.ErrTooManyInstruments.Error()}, r.id, r.index))
		case r.id != "":
			c.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: r.id})
		}
	}
	d.events, d.asked = nil, d.asked[:0]
}

func (c *conn) ping(o *common.Object) error {
	if err := o.Only(); err != nil {
		return err
	}
	c.publish() // a pong says that all before it was handled, and comes behind the errors of that
	id, _ := o.ID()
	now := time.Now().UnixMilli()
	c.answer(protocol.ServerMessage{Type: protocol.TypePong, ID: id, TS: &now})
	return nil
}
