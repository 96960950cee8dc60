package httpapi

import (
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/ingest"
	"backbone/internal/transport"
	"backbone/protocol"
)

// maxEvents bounds the events of one request, because ingest takes them at once.
const maxEvents = 1024

// item is one event of a request, and what became of it.
type item struct {
	id    string
	field string               // that names its room
	err   *common.RequestError // nil: it is accepted
}

// batch is what a request asks for. Its items are in the order of the body; events are the good ones.
type batch struct {
	items  []item
	form   form
	events []hub.BroadcastEvent
	of     []int // the item of each event
	bad    int   // items that should not have been sent
}

// publish takes an ingestor's message.
func (a *API) publish(r *http.Request) answer {
	v, no := a.opts.Visit(r, protocol.Ingestor)
	if no != nil {
		return refused(no)
	}
	body, fault := read(r)
	v.Received(len(body))
	if fault != nil {
		return a.unread(v, len(body), fault)
	}
	b, err := a.parse(v, r.Header.Get("Content-Type"), body)
	spent := cost{messages: len(b.items), bytes: len(body), bad: b.bad}
	if err != nil {
		spent.messages, spent.bad = 1, 1
	}
	said, answer, ok := a.charge(v, protocol.Ingestor, spent)
	switch {
	case !ok:
		return answer
	case err != nil:
		return wrong(v, err)
	}
	if err := b.publish(said.publisher); err != nil {
		return failure(http.StatusServiceUnavailable, protocol.CodeUnavailable, err.Error())
	}
	for _, one := range b.items {
		if one.err != nil {
			v.Refused(one.err.Code)
		}
	}
	return b.answer()
}

// fault is why a body cannot be read.
type fault struct {
	status int
	code   protocol.Code
	text   string
}

// read reads the body, or the begin of one that has a fault.
func read(r *http.Request) (body []byte, f *fault) {
	tooLong := &fault{http.StatusRequestEntityTooLarge, protocol.CodeInvalidEvent, "a message may have at most 65536 bytes"}
	if r.ContentLength > protocol.MaxMessageBytes {
		return nil, tooLong
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, &fault{http.StatusUnsupportedMediaType, protocol.CodeInvalidJSON, "Content-Encoding: is not understood, send the body as it is"}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, protocol.MaxMessageBytes+1))
	switch {
	case err != nil:
		return body, &fault{http.StatusRequestTimeout, protocol.CodeInvalidJSON, "the body did not come"}
	case len(body) > protocol.MaxMessageBytes:
		return body, tooLong
	case !utf8.Valid(body):
		return body, &fault{http.StatusBadRequest, protocol.CodeInvalidJSON, "a message must be UTF-8"}
	}
	return body, nil
}

// unread charges a visitor with a body that cannot be read, as a bad message. One that did not come is not the
// visitor's fault alone.
func (a *API) unread(v *transport.Visitor, bytes int, f *fault) answer {
	if f.status != http.StatusRequestTimeout {
		if _, no, ok := a.charge(v, protocol.Ingestor, cost{messages: 1, bytes: bytes, bad: 1}); !ok {
			return no
		}
	}
	v.Refused(f.code)
	return failure(f.status, f.code, f.text)
}

// parse has the domains validate a body. The error is of the whole body.
func (a *API) parse(v *transport.Visitor, media string, body []byte) (b batch, err error) {
	d := a.decoders.Get().(*common.Decoder) //nolint:forcetypeassert // it has nothing else
	defer a.decoders.Put(d)
	b.form, err = each(d, media, body, func(o *common.Object, err error) bool {
		b.add(v, o, err)
		return len(b.items) <= maxEvents
	})
	if len(b.items) > maxEvents {
		err = common.Errorf(protocol.CodeInvalidEvent, "a request may have at most %d events", maxEvents)
	}
	return b, err
}

// add adds one element of the body.
func (b *batch) add(v *transport.Visitor, o *common.Object, err error) {
	var one item
	var e hub.BroadcastEvent
	one.id, _ = o.ID()
	if err == nil {
		e, one.field, err = v.Event(o)
	}
	if err != nil {
		b.bad++
		one.err = err.(*common.RequestError) //nolint:errorlint,forcetypeassert // the domains' contract: never wrapped
	} else if one.err = v.Allows(one.field, e.Room); one.err == nil {
		b.events, b.of = append(b.events, e), append(b.of, len(b.items))
	}
	b.items = append(b.items, one)
}

// publish gives the good events to ingest. An error says that none was taken.
func (b *batch) publish(to *ingest.Publisher) error {
	if len(b.events) == 0 {
		return nil
	}
	rejected, err := to.Publish(b.events)
	for _, i := range rejected {
		one := &b.items[b.of[i]]
		one.err = &common.RequestError{Code: protocol.CodeTooManyInstruments, Message: one.field + ": " + ingest.ErrTooManyInstruments.Error()}
	}
	if errors.Is(err, ingest.ErrStopped) {
		return errStopping
	}
	return err
}

// answer tells of each event: 200 if all were accepted, 207 if some were, and the status of the first error
// if none was.
func (b *batch) answer() answer {
	status, failed := http.StatusOK, 0
	for _, one := range b.items {
		if one.err != nil {
			if failed++; failed == 1 {
				status = statusOf(one.err.Code)
			}
		}
	}
	if failed > 0 && failed < len(b.items) {
		status = http.StatusMultiStatus
	}
	a := answer{status: status, lines: b.form == lines}
	for i, one := range b.items {
		m := protocol.ServerMessage{Type: protocol.TypeAck, ID: one.id}
		if one.err != nil {
			m.Type, m.Code, m.Message = protocol.TypeError, one.err.Code, one.err.Message
		}
		if b.form != single {
			m.Index = &i
		}
		if b.form == array {
			a.body = append(a.body, "[,"[min(i, 1)])
		}
		a.body = m.Append(a.body)
		if b.form == lines {
			a.body = append(a.body, '\n')
		}
	}
	switch b.form {
	case array:
		a.body = append(a.body, "]\n"...)
	case single:
		a.body = append(a.body, '\n')
	case lines:
	}
	return a
}
