package main

import (
	"context"
	"errors"
	"time"

	"backbone/client"
)

// report waits for the answers and says which are not good, until reports is closed. Each
// comes at the latest with the end of the SDK's life.
func (p *publication) report() {
	for r := range p.reports {
		err := r.err
		if r.pending != nil {
			if err = r.pending.Wait(context.Background()); err == nil {
				p.acked++
				continue
			}
		}
		wrong, coded := errors.AsType[*client.RequestError](err)
		line, local := errors.AsType[*lineError](err)
		switch {
		case local:
			p.rejected++
			p.say("line %d: %s: %s", line.line, line.code, line.message)
		case coded && r.line > 0:
			p.rejected++
			p.say("line %d: %s: %s", r.line, wrong.Code, wrong.Message)
		case coded:
			p.rejected++
			p.say("an event was rejected: %s: %s (--ack tells which)", wrong.Code, wrong.Message)
		case r.line > 0 && !errors.Is(err, client.ErrConnectionLost):
			p.unsent++
			p.say("line %d: not sent: %s", r.line, notSentFor(err))
		case r.line > 0:
			p.lost++
			p.say("line %d: lost: %s", r.line, plain(err))
		default:
			p.lost++
			p.say("%s: events sent before may be lost (--ack tells which)", plain(err))
		}
	}
}

// notSentFor is why the SDK's life ended before an event was written.
func notSentFor(err error) error {
	for _, why := range []error{errNoWayBack, errInterrupted} {
		if errors.Is(err, why) {
			return why
		}
	}
	return errors.New(plain(err))
}

// outcome says the counts and returns what the exit code is made of.
func (p *publication) outcome(err error, took time.Duration) error {
	sent, acked := p.sent-p.unsent, ""
	if p.Ack {
		acked = ", acked " + group(p.acked)
	}
	atMost := ""
	if errors.Is(err, errNoWayBack) && !p.Ack { // some of them wait for a connection
		atMost = "at most "
	}
	p.say("sent %s%s%s, rejected %s in %.3f s (%s/s)", atMost, group(sent), acked, group(p.rejected),
		took.Seconds(), group(int(float64(sent)/max(took.Seconds(), 1e-9))))
	switch {
	case errors.Is(err, client.ErrRefused):
		return p.connectFailure(err)
	case errors.Is(err, errNoWayBack):
		return failf(exitRejected, "%w within %v: not all was published", errNoWayBack, p.ConnectTimeout)
	case err != nil && !errors.Is(err, errInterrupted):
		return err
	case p.rejected > 0:
		return failf(exitRejected, "%s of the events were rejected", group(p.rejected))
	case p.lost+p.unsent > 0:
		return failf(exitRejected, "events were lost, or may be")
	}
	return nil
}
