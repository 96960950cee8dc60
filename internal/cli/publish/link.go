package publish

import (
	"context"
	"errors"
	"time"

	"backbone/client"
)

// endWith has a publication end as soon as the server refuses it for good, also while the input is quiet.
func endWith(give context.CancelCauseFunc) func(client.State) {
	return func(st client.State) {
		if st.Ended && st.Err != nil {
			give(st.Err)
		}
	}
}

// hear receives what the SDK reports in addition to the results of calls. It gives up once
// there has been no connection for --connect-timeout.
func (p *publication) hear(e client.Event, give context.CancelCauseFunc) {
	switch e := e.(type) {
	case client.Disconnected:
		p.losses.Add(1)
		p.why = e.Err
		if p.away == nil {
			if p.Outage == "all" {
				closed := make(chan struct{})
				p.closed.Store(&closed)
			}
			p.away = time.AfterFunc(p.ConnectTimeout, func() { give(errNoWayBack) })
			p.reports <- report{gone: e.Err}
		}
	case client.Connected:
		if p.away != nil {
			p.away.Stop()
			p.away = nil
		}
		if closed := p.closed.Swap(nil); closed != nil {
			close(*closed)
		}
	case client.LeftOut:
		if !p.Ack { // then each is a result of its own
			p.reports <- report{left: e}
		}
	case *client.RequestError:
		if !p.Ack {
			p.reports <- report{err: e}
		}
	}
}

var errNoWayBack = errors.New("the connection was lost and did not come back")
