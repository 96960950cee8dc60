package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/protocol"
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

	reasons map[protocol.Code]int // why events were rejected
}

// because counts an event that is rejected.
func (p *publication) because(code protocol.Code) {
	if p.reasons == nil {
		p.reasons = map[protocol.Code]int{}
	}
	p.reasons[code]++
	p.rejected++
}

// whyRejected is how many events were rejected for which reason, the most frequent first.
func (p *publication) whyRejected() string {
	codes := slices.Collect(maps.Keys(p.reasons))
	slices.SortFunc(codes, func(a, b protocol.Code) int {
		return cmp.Or(cmp.Compare(p.reasons[b], p.reasons[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(codes))
	for i, code := range codes {
		parts[i] = human.Group(p.reasons[code]) + " " + string(code)
	}
	return strings.Join(parts, ", ")
}

// report judges the answers until reports is closed and each has come, which it has at the latest
// with the end of life, which closes the ingestor. It waits for no answer before it takes the next
// report: in an outage one event waits for the next connection while many behind it are left out.
func (p *publication) report(life context.Context) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	defer p.countUnsaid()
	q := answers{publication: p, life: life, first: make(chan error)}
	for reports := p.reports; reports != nil || len(q.waiting) > 0; {
		select {
		case r, more := <-reports:
			switch {
			case !more:
				reports = nil
			case r.gone != nil:
				p.sayLoss(r.gone)
			default:
				q.add(r)
			}
		case err := <-q.first:
			q.took(err)
		case <-ticker.C:
			p.countUnsaid()
		}
	}
}

// sayLoss says that the connection is lost, however much there is to complain of.
func (p *publication) sayLoss(why error) {
	p.countUnsaid() // it came before
	if p.Ack {      // then each event has its own answer
		p.Say("%s: trying to connect again", human.Error(why))
		return
	}
	p.lost++
	p.Say("%s: events sent before may be lost (--ack tells which)", human.Error(why))
}

// complain says a complaint, or keeps it for the count.
func (p *publication) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
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

// judge counts a report with its answer, and says or keeps what is to be said about it.
func (p *publication) judge(life context.Context, r report, err error) {
	if r.pending != nil && p.Retry {
		back := p.comesBack(life, err)
		p.settled(r.in, back)
		if back && !r.in.counted {
			p.resent++
		}
		if back || r.in.counted {
			return
		}
	}
	if r.pending != nil && err == nil {
		p.acked++
		return
	}
	if n := r.left.Conflated + r.left.Dropped; n > 0 {
		p.leftOut += n
		return
	}
	if errors.Is(err, client.ErrLeftOut) {
		p.leftOut++
		return
	}
	wrong, coded := errors.AsType[*client.RequestError](err)
	line, local := errors.AsType[*lineError](err)
	switch {
	case local:
		p.because(line.code)
		p.complain("line %d: %s: %s", line.line, line.code, line.message)
	case coded && r.line > 0:
		p.because(wrong.Code)
		p.complain("line %d: %s: %s", r.line, wrong.Code, wrong.Message)
	case coded:
		p.because(wrong.Code)
		p.complain("an event was rejected: %s: %s (--ack tells which)", wrong.Code, wrong.Message)
	case r.line > 0 && !errors.Is(err, client.ErrConnectionLost):
		p.unsent++
		p.complain("line %d: not sent: %s", r.line, notSentFor(life, err))
	default:
		p.lost++
		p.complain("line %d: lost: %s", r.line, human.Error(err))
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
	if p.unwritten || p.away != nil && !p.Ack { // some of them waited for a connection
		atMost = "at most "
	}
	leftOut := ""
	if p.leftOut > 0 {
		leftOut = ", left out " + human.Group(p.leftOut)
	}
	resent := ""
	if p.resent > 0 {
		resent = ", sent again " + human.Group(p.resent)
	}
	passed := ""
	if p.passed > 0 {
		passed = ", passed over " + human.Group(p.passed)
	}
	p.Say("sent %s%s%s%s%s, rejected %s%s in %.3f s (%s/s)", atMost, human.Group(sent), acked, resent, leftOut, human.Group(p.rejected), passed,
		took.Seconds(), human.Group(int(float64(sent)/max(took.Seconds(), 1e-9))))
	switch {
	case errors.Is(err, client.ErrRefused):
		return p.Failure(err)
	case errors.Is(err, errNoWayBack) && errors.Is(p.why, client.ErrRefused):
		return p.Failure(p.why)
	case errors.Is(err, errNoWayBack):
		why := ""
		if errors.As(p.why, new(*client.ConnectError)) { // the loss itself was said
			why = fmt.Sprintf(" (%s)", human.Error(p.why))
		}
		return cli.Failf(cli.ExitRejected, "%w within %v%s: not everything was published", errNoWayBack, p.ConnectTimeout, why)
	case err != nil && !errors.Is(err, errInterrupted):
		return err
	case p.rejected > 0:
		return cli.Failf(cli.ExitRejected, "%s of the events were rejected: %s", human.Group(p.rejected), p.whyRejected())
	case p.lost+p.unsent > 0:
		return cli.Failf(cli.ExitRejected, "events were lost, or may be")
	}
	return nil
}
