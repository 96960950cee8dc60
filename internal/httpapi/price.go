package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
	"backbone/internal/transport"
	"backbone/protocol"
)

const silentAfter = "silent_after_ms"

// price answers with the last price of an instrument.
func (a *API) price(r *http.Request) answer {
	v, no := a.opts.Visit(r, protocol.Consumer)
	if no != nil {
		return refused(no)
	}
	v.Received(len(r.RequestURI))
	room := r.PathValue("instrument")
	wants := hub.Wants{Absent: true, Status: true, Stamp: true}
	err := common.CheckRoom("instrument", room)
	if err == nil {
		wants.Group, err = threshold(r)
	}
	spent := cost{messages: 1}
	if err != nil {
		spent.bad = 1
	}
	if _, no, ok := a.charge(v, protocol.Consumer, spent); !ok {
		return no
	}
	if err != nil {
		return wrong(v, err)
	}
	if err := v.Allows("instrument", room); err != nil {
		return wrong(v, err)
	}
	if most := a.opts.Limits.MaxRoomsTotal; most > 0 {
		if known, all := a.opts.Hub.Known([]string{room}); !known[room] && all >= most {
			v.Limited(transport.LimitRooms)
			return wrong(v, common.Errorf(protocol.CodeTooManyRooms, "instrument: %s would be one more than the %d rooms that this server keeps", room, most))
		}
	}
	found, err := a.look(r.Context(), room, wants)
	switch {
	case err != nil:
		return failure(http.StatusServiceUnavailable, protocol.CodeUnavailable, err.Error())
	case found.price == "":
		reason := "no last price of " + room + " is known here"
		if !a.opts.Ingest.HasTable() {
			reason = "this server keeps no last prices"
		}
		return wrong(v, common.Errorf(protocol.CodeNoPrice, "instrument: %s", reason))
	}
	return answer{status: http.StatusOK, body: []byte(found.text() + "\n")}
}

// threshold reads the query.
func threshold(r *http.Request) (ms uint32, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return 0, common.Errorf(protocol.CodeInvalidEvent, "the query of the URL: %s", common.Quote(r.URL.RawQuery))
	}
	for name, values := range query {
		switch {
		case name != silentAfter:
			return 0, common.Errorf(protocol.CodeUnknownField, "%s: unknown field, a price has %s", common.Quote(name), silentAfter)
		case len(values) > 1:
			return 0, common.Errorf(protocol.CodeInvalidEvent, "%s: appears more than once", silentAfter)
		}
		n, err := strconv.ParseUint(values[0], 10, 32)
		if err != nil || uint32(n) < protocol.MinSilentAfterMS || uint32(n) > protocol.MaxSilentAfterMS {
			return 0, common.Errorf(protocol.CodeInvalidEvent, "%s: must be an integer from %d to %d, got %s",
				silentAfter, protocol.MinSilentAfterMS, protocol.MaxSilentAfterMS, common.Quote(values[0]))
		}
		ms = uint32(n)
	}
	return ms, nil
}

// charge charges a visitor with a request. If that cannot be carried out now, ok is false and the answer
// says why.
func (a *API) charge(v *transport.Visitor, role protocol.Role, c cost) (said verdict, no answer, ok bool) {
	said, running := a.accounts.ask(role, v.Account, c)
	switch {
	case !running:
		return said, failure(http.StatusServiceUnavailable, protocol.CodeUnavailable, errStopping.Error()), false
	case said.full:
		return said, failure(http.StatusServiceUnavailable, protocol.CodeUnavailable, "too many clients send requests"), false
	case said.limit == "":
		return said, answer{}, true
	}
	v.Limited(said.limit)
	no = wrong(v, common.Errorf(protocol.CodeRateLimited, "%s", a.past(said.limit)))
	no.retry = said.wait
	return said, no, false
}

// past words the limit that a sender is past.
func (a *API) past(limit string) string {
	l := &a.opts.Limits
	i := slices.IndexFunc(limits, func(w worded) bool { return w.limit == limit })
	return fmt.Sprintf(limits[i].text, limits[i].of(l))
}

type worded struct {
	limit, text string
	of          func(*transport.Limits) int
}

var limits = []worded{
	{transport.LimitBadMessages, "more than %d bad messages in a minute", func(l *transport.Limits) int { return l.MaxBadMessages }},
	{transport.LimitEvents, "more than %d events a second", func(l *transport.Limits) int { return l.MaxIngestRate.PerSecond }},
	{transport.LimitEventBytes, "more than %d bytes a second", func(l *transport.Limits) int { return l.MaxIngestByteRate.PerSecond }},
	{transport.LimitMessages, "more than %d messages a second", func(l *transport.Limits) int { return l.MaxMessageRate.PerSecond }},
	{transport.LimitJoins, "more than %d rooms a second", func(l *transport.Limits) int { return l.MaxJoinRate.PerSecond }},
}
