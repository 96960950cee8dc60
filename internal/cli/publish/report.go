package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
)

// What is wrong with events has so many lines at once, then one in each countEvery: a feed that is
// all wrong would fill a disk.
const (
	linesAtOnce = 20
	countEvery  = time.Second
)

// complaints are what is said about events that are not good.
type complaints struct {
	said   int    // with a line each
	unsaid int    // since they were counted last
	last   string // of those
}

// report waits for the answers and says which are not good, until reports is closed. Each
// comes at the latest with the end of life, which closes the ingestor.
func (p *publication) report(life context.Context) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	defer p.countUnsaid()
	for {
		select {
		case r, more := <-p.reports:
			if !more {
				return
			}
			if complaint := p.judge(life, r); complaint != "" {
				p.complain(complaint)
			}
		case <-ticker.C:
			p.countUnsaid()
		}
	}
}

// complain says a complaint, or keeps it for the count.
func (p *publication) complain(text string) {
	if p.said < linesAtOnce {
		p.said++
		p.Say("%s", text)
		return
	}
	p.unsaid++
	p.last = text
}

// countUnsaid says how many complaints there were since the last time.
func (p *publication) countUnsaid() {
	switch {
	case p.unsaid == 1:
		p.Say("%s", p.last)
	case p.unsaid > 1:
		p.Say("%s more like this: %s", human.Group(p.unsaid), p.last)
	}
	p.unsaid = 0
}

// judge counts a report, and returns what is to be said about it, "" for nothing.
func (p *publication) judge(life context.Context, r report) string {
	err := r.err
	if r.pending != nil {
		if err = r.pending.Wait(context.Background()); err == nil {
			p.acked++
			return ""
		}
	}
	if n := r.left.Conflated + r.left.Dropped; n > 0 {
		p.leftOut += n
		return ""
	}
	if errors.Is(err, client.ErrLeftOut) {
		p.leftOut++
		return ""
	}
	wrong, coded := errors.AsType[*client.RequestError](err)
	line, local := errors.AsType[*lineError](err)
	switch {
	case local:
		p.rejected++
		return fmt.Sprintf("line %d: %s: %s", line.line, line.code, line.message)
	case coded && r.line > 0:
		p.rejected++
		return fmt.Sprintf("line %d: %s: %s", r.line, wrong.Code, wrong.Message)
	case coded:
		p.rejected++
		return fmt.Sprintf("an event was rejected: %s: %s (--ack tells which)", wrong.Code, wrong.Message)
	case r.line > 0 && !errors.Is(err, client.ErrConnectionLost):
		p.unsent++
		return fmt.Sprintf("line %d: not sent: %s", r.line, notSentFor(life, err))
	case r.line > 0:
		p.lost++
		return fmt.Sprintf("line %d: lost: %s", r.line, human.Error(err))
	default:
		p.lost++
		return fmt.Sprintf("%s: events sent before may be lost (--ack tells which)", human.Error(err))
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
