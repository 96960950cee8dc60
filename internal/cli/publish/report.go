package publish

import (
	"context"
	"errors"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
)

// report waits for the answers and says which are not good, until reports is closed. Each
// comes at the latest with the end of life, which closes the ingestor.
func (p *publication) report(life context.Context) {
	for r := range p.reports {
		err := r.err
		if r.pending != nil {
			if err = r.pending.Wait(context.Background()); err == nil {
				p.acked++
				continue
			}
		}
		if n := r.left.Conflated + r.left.Dropped; n > 0 {
			p.leftOut += n
			continue
		}
		if errors.Is(err, client.ErrLeftOut) {
			p.leftOut++
			continue
		}
		wrong, coded := errors.AsType[*client.RequestError](err)
		line, local := errors.AsType[*lineError](err)
		switch {
		case local:
			p.rejected++
			p.Say("line %d: %s: %s", line.line, line.code, line.message)
		case coded && r.line > 0:
			p.rejected++
			p.Say("line %d: %s: %s", r.line, wrong.Code, wrong.Message)
		case coded:
			p.rejected++
			p.Say("an event was rejected: %s: %s (--ack tells which)", wrong.Code, wrong.Message)
		case r.line > 0 && !errors.Is(err, client.ErrConnectionLost):
			p.unsent++
			p.Say("line %d: not sent: %s", r.line, notSentFor(life, err))
		case r.line > 0:
			p.lost++
			p.Say("line %d: lost: %s", r.line, human.Error(err))
		default:
			p.lost++
			p.Say("%s: events sent before may be lost (--ack tells which)", human.Error(err))
		}
	}
}

// notSentFor is why the ingestor was closed before an event was written.
func notSentFor(life context.Context, err error) error {
	if why := context.Cause(life); why != nil && errors.Is(err, client.ErrClosed) {
		return why
	}
	return errors.New(human.Error(err))
}

// outcome prints the counts and returns the error that determines the exit code.
func (p *publication) outcome(err error, took time.Duration) error {
	sent, acked := p.sent-p.unsent-int(p.leftOut), ""
	if p.Ack {
		acked = ", acked " + human.Group(p.acked)
	}
	atMost := ""
	if errors.Is(err, errNoWayBack) && !p.Ack { // some of them wait for a connection
		atMost = "at most "
	}
	leftOut := ""
	if p.leftOut > 0 {
		leftOut = ", left out " + human.Group(p.leftOut)
	}
	p.Say("sent %s%s%s%s, rejected %s in %.3f s (%s/s)", atMost, human.Group(sent), acked, leftOut, human.Group(p.rejected),
		took.Seconds(), human.Group(int(float64(sent)/max(took.Seconds(), 1e-9))))
	switch {
	case errors.Is(err, client.ErrRefused):
		return p.Failure(err)
	case errors.Is(err, errNoWayBack):
		return cli.Failf(cli.ExitRejected, "%w within %v: not everything was published", errNoWayBack, p.ConnectTimeout)
	case err != nil && !errors.Is(err, errInterrupted):
		return err
	case p.rejected > 0:
		return cli.Failf(cli.ExitRejected, "%s of the events were rejected", human.Group(p.rejected))
	case p.lost+p.unsent > 0:
		return cli.Failf(cli.ExitRejected, "events were lost, or may be")
	}
	return nil
}
