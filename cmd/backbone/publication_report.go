package main

import (
	"context"
	"errors"
	"time"

	"backbone/client"
)

// report waits for the answers and says which are not good, until reports is closed.
func (p *publication) report(life context.Context) {
	for r := range p.reports {
		err := r.err
		if r.pending != nil {
			if err = r.pending.Wait(life); err == nil {
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
		case r.line > 0:
			p.lost++
			p.say("line %d: lost: %s", r.line, plain(err))
		default:
			p.lost++
			p.say("%s: events sent before may be lost (--ack tells which)", plain(err))
		}
	}
}

// outcome says the counts and returns what the exit code is made of.
func (p *publication) outcome(err error, took time.Duration) error {
	acked := ""
	if p.Ack {
		acked = ", acked " + group(p.acked)
	}
	p.say("sent %s%s, rejected %s in %.3f s (%s/s)", group(p.sent), acked, group(p.rejected),
		took.Seconds(), group(int(float64(p.sent)/max(took.Seconds(), 1e-9))))
	switch {
	case errors.Is(err, client.ErrRefused):
		return p.connectFailure(err)
	case errors.Is(err, errNoWayBack):
		return failf(exitRejected, "%w within %v: not all was published", errNoWayBack, p.ConnectTimeout)
	case err != nil && !errors.Is(err, errInterrupted):
		return err
	case p.rejected > 0:
		return failf(exitRejected, "%s of the events were rejected", group(p.rejected))
	case p.lost > 0:
		return failf(exitRejected, "events were lost, or may be")
	}
	return nil
}
