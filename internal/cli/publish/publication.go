package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

const (
	// inFlight is the number of events whose answers may be on their way.
	inFlight = 1024
	// lastWords bounds the wait for answers after an interruption.
	lastWords = 5 * time.Second
)

// publication is one run of publish. Three goroutines work on it: one reads the input,
// one publishes, and one waits for answers and reports.
type publication struct {
	*Cmd
	cli.Streams
	inputs  chan input  // reader -> publisher
	reports chan report // publisher and SDK -> reporter, in the order of publishing; it is taken at once

	// Owned by the publisher.
	sent   int
	passed int // lines, as in position
	pacer  cli.Pacer
	clock  clock

	retries

	progress progress
	done     func() // ends what shows progress, before the end is told

	// Owned by the reporter until reports is closed and it has ended.
	acked, rejected, lost int
	resent                int // of --retry
	leftOut               uint64
	unsent                int // of those under --ack that were to be sent
	complaints

	// Owned by the SDK's calls of OnEvent, which come one at a time, and by outcome after them.
	away *time.Timer // runs while there is no connection; nil while there is one
	why  error       // what the SDK said last of the lack of a connection

	unwritten bool // the end left events without a Pending in the SDK's queue; set by run

	// Set by these calls while there is no connection, if the publisher is to wait for one.
	closed atomic.Pointer[chan struct{}] // closed when there is one
}

// input is the content of a line.
type input struct {
	event    client.PriceUpdate
	where    position
	seq      int   // of --retry, from 1: the order in which it was sent first
	overtook bool  // of --retry: see mayOvertake
	counted  bool  // of --retry: its answer has come; it is sent again for the order alone
	err      error // instead of an event: a *lineError, or why reading ended
}

// report is something that the reporter counts.
type report struct {
	line    int             // 0 is unknown
	in      input           // of --retry
	pending *client.Pending // wait for it; nil: err is the outcome
	err     error
	left    client.LeftOut // instead of the others, if it is not zero
	gone    error          // instead of the others, if it is not nil: why the connection was lost
}

func newPublication(c *Cmd, s cli.Streams) *publication {
	return &publication{Cmd: c, Streams: s, inputs: make(chan input, 256), reports: make(chan report, inFlight),
		done: func() {}, retries: newRetries(), clock: clock{unit: c.tsUnit(), speed: cmp.Or(c.Speed, 1)}}
}

func (p *publication) run(ctx context.Context, opt client.Options, lines source) error {
	// The ingestor outlives ctx, so that what was sent before an interruption arrives.
	life, give := context.WithCancelCause(context.WithoutCancel(ctx))
	defer give(nil)
	defer context.AfterFunc(ctx, func() {
		p.Say("interrupted: waiting for the server's last answers")
		time.AfterFunc(lastWords, func() { give(errInterrupted) })
	})()

	opt.MaxInFlight = inFlight
	opt.OnStateChange = endWith(give)
	ingestor, err := client.DialIngestor(ctx, p.URL(), &client.IngestorOptions{
		Options: opt,
		Outage:  p.outage(),
		OnEvent: func(e client.Event) { p.hear(e, give) },
	})
	if err != nil {
		p.done()
		if ctx.Err() != nil {
			return nil
		}
		return p.Failure(err)
	}
	defer context.AfterFunc(life, func() { _ = ingestor.CloseNow() })() // each event has its own result
	start := time.Now()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		p.report(life)
	}()
	reading, stopReading := context.WithCancel(ctx)
	go p.read(reading, lines) // ends with its input: a read of a terminal cannot be broken off
	err = p.publish(ctx, life, ingestor)
	stopReading()
	flushed := ingestor.Flush(life)
	if life.Err() != nil {
		flushed = context.Cause(life)
	}
	switch {
	case flushed == nil || err != nil:
	case errors.Is(flushed, errNoWayBack):
		err = errNoWayBack
	case !p.Ack:
		p.reports <- report{gone: flushed}
	}
	if ended := ingestor.Err(); err == nil && ended != nil {
		err = ended
	}
	p.unwritten = ingestor.CloseNow() != nil && !p.Ack // Flush has reported the rest; after it OnEvent is not called
	close(p.reports)
	<-reported
	p.done()
	p.abandon()
	return p.outcome(err, time.Since(start))
}

// read hands on what is read until its end, which is the last input.
func (p *publication) read(ctx context.Context, lines source) {
	for {
		event, err := lines.next()
		select {
		case p.inputs <- input{event: event, where: lines.at(), err: err}:
		case <-ctx.Done():
			return
		}
		if err != nil && !errors.As(err, new(*lineError)) {
			return
		}
	}
}

// publish sends what is read. It returns an error if it ends early.
func (p *publication) publish(ctx, life context.Context, ingestor *client.Ingestor) error {
	p.pacer = cli.NewPacer()
	due, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(life, stop)()
	for {
		if err := p.resend(ctx, life, ingestor, false); err != nil {
			return err
		}
		var in input
		select {
		case in = <-p.inputs:
		case <-p.moved: // for --retry
			continue
		case <-ctx.Done():
			return errInterrupted
		case <-life.Done():
			return context.Cause(life)
		}
		p.passed = in.where.passed
		if errors.Is(in.err, io.EOF) {
			return p.resend(ctx, life, ingestor, true)
		}
		if errors.As(in.err, new(*lineError)) {
			p.reports <- report{line: in.where.line, err: in.err}
			continue
		}
		if errors.As(in.err, new(*config.Error)) {
			return in.err
		}
		if in.err != nil {
			return fmt.Errorf("line %d: reading: %w", in.where.line+1, in.err)
		}
		if p.wait(due, in) != nil {
			if ctx.Err() == nil {
				return context.Cause(life)
			}
			return errInterrupted
		}
		if err := p.open(ctx, life); err != nil {
			if p.Ack {
				p.sent++ // it was to be
				p.reports <- report{line: in.where.line, err: err}
			}
			return err
		}
		if err := p.send(ctx, life, ingestor, in); err != nil {
			return err
		}
	}
}

// open waits for a connection if every event is to be sent.
func (p *publication) open(ctx, life context.Context) error {
	for closed := p.closed.Load(); closed != nil; closed = p.closed.Load() {
		select {
		case <-*closed:
		case <-ctx.Done():
			return errInterrupted
		case <-life.Done():
			return context.Cause(life)
		}
	}
	return nil
}

func (p *publication) send(ctx, life context.Context, ingestor *client.Ingestor, in input) error {
	if p.Retry {
		if err := p.below(ctx, life, inFlight); err != nil {
			return err
		}
	}
	var (
		pending *client.Pending
		err     error
	)
	if p.Ack {
		pending, err = ingestor.PublishAsync(ctx, in.event)
	} else {
		err = ingestor.Publish(ctx, in.event)
	}
	switch {
	case errors.As(err, new(*client.RequestError)): // found before it was sent
		p.reports <- report{line: in.where.line, err: err}
		return nil
	case err != nil && ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, client.ErrClosed):
		return context.Cause(life)
	case err != nil:
		return err
	}
	if in.seq == 0 { // it is sent for the first time
		p.sent++
		p.seq++
		in.seq = p.seq
		p.progress.reach(p.sent, in.where)
	}
	if pending != nil {
		p.handed++
		p.reports <- report{line: in.where.line, in: in, pending: pending}
	}
	if p.Retry {
		p.mayOvertake(in)
	}
	return nil
}
