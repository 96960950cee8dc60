package record

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/protocol"
)

// recording is one run of record. Its own goroutine owns it; another one notes when events came.
type recording struct {
	*Cmd
	cli.Streams
	printer *cli.Printer
	start   time.Time
	open    map[string]bool // rooms that were not refused

	events  int // prices and messages
	bytes   int
	left    uint64 // left out by conflation, or missed while there was no connection, as far as known
	losses  int    // of the connection
	lost    error  // why there is no connection; nil while there is one
	refused bool   // rooms were
	quiet   quiet
}

// arrival is an event and when it came.
type arrival struct {
	event client.Event
	at    time.Time
}

func newRecording(c *Cmd, s cli.Streams) *recording {
	r := &recording{Cmd: c, Streams: s, start: time.Now(), open: map[string]bool{}, quiet: newQuiet(s)}
	r.printer = cli.NewPrinterAs(s, r.line)
	for _, room := range c.Rooms {
		r.open[room] = true
	}
	return r
}

// receive notes when events came, so that a slow disk changes no time. When the buffer is full it
// waits, and the server conflates. The channel is closed at the end of the connection.
func (r *recording) receive(conn *client.Conn) <-chan arrival {
	received := make(chan arrival, cli.EventBuffer)
	go func() {
		defer close(received)
		for e := range conn.Events() {
			received <- arrival{e, time.Now()} // whoever reads it reads to the end
		}
	}()
	return received
}

// line is an event as it is recorded: what the server sent, and what became of the connection.
func (r *recording) line(e client.Event, at time.Time) []byte {
	event := cli.JSONLine(e)
	if event == nil {
		event = cli.ConnectionLine(e, at)
	}
	if event == nil {
		return nil
	}
	line := strconv.AppendInt([]byte(`{"received":`), at.UnixMilli(), 10)
	line = append(line, `,"event":`...)
	line = append(line, bytes.TrimSuffix(event, []byte("\n"))...)
	line = append(line, "}\n"...)
	r.bytes += len(line)
	return line
}

// outputError is one of standard output: a disk that is full, a pipe that nobody reads.
type outputError struct{ error }

func (e *outputError) Unwrap() error { return e.error }

// errEnough ends a recording that has all that it was to have.
var errEnough = errors.New("enough")

func (r *recording) run(ctx context.Context, conn *client.Conn, received <-chan arrival, joined <-chan error) error {
	var timeout <-chan time.Time
	if r.For > 0 {
		timeout = time.After(r.For)
	}
	for {
		select {
		case a, ok := <-received:
			if !ok {
				return conn.Err()
			}
			if err := r.take(a); err != nil {
				return err
			}
		case err := <-joined:
			joined = nil
			rejected, err := r.Joined(r.Rooms, err)
			if err != nil {
				return err
			}
			if err := r.reject(rejected); err != nil {
				return err
			}
			r.quiet.joined()
		case <-r.quiet.due:
			r.quiet.ask(ctx, conn, r.open)
		case lines := <-r.quiet.told:
			for _, line := range lines {
				r.Say("%s", line)
			}
		case <-timeout:
			if r.events == 0 {
				return cli.Failf(cli.ExitNoData, "nothing came within %v%s", r.For, r.why())
			}
			return errEnough
		case <-ctx.Done():
			return r.rest(received)
		}
		if len(received) == 0 {
			if err := r.printer.Flush(); err != nil {
				return &outputError{err}
			}
		}
	}
}

// rest records what has come and waits.
func (r *recording) rest(received <-chan arrival) error {
	for range len(received) {
		a, ok := <-received
		if !ok {
			break
		}
		if err := r.take(a); err != nil {
			return err
		}
	}
	return nil
}

// take records an event, and says what a person should know at once.
func (r *recording) take(a arrival) error {
	r.quiet.hears(a.event)
	var rejected []protocol.Rejected
	switch e := a.event.(type) {
	case client.Disconnected:
		again := r.lost != nil
		r.lost = e.Err
		r.Say("disconnected: %s; trying again in %v", human.Error(e.Err), e.Wait.Round(time.Millisecond))
		if again {
			return nil //nolint:nilerr // each loss is one line
		}
		r.losses++
	case client.Rejoined:
		r.lost = nil
		r.Say("connected again")
		rejected = e.Rejected
	case client.Moved:
		rejected = e.Rejected
	case client.Conflated:
		r.left += e.Skipped
	case client.Lost:
		r.left += e.Messages
	case client.Missed:
		r.left += e.Events
	}
	if err := r.printer.Print(a.event, a.at); err != nil {
		return &outputError{err}
	}
	switch a.event.(type) {
	case client.PriceUpdate, client.Retired, client.ChatMessage, client.Unknown:
		if r.events++; r.events == r.Count {
			return errEnough
		}
	}
	return r.reject(rejected)
}

// reject says which rooms were refused. It is an error once none is left.
func (r *recording) reject(rejected []protocol.Rejected) error {
	for _, room := range rejected {
		r.Refused(room)
		r.refused = true
		delete(r.open, room.Room)
	}
	if len(r.open) == 0 {
		return cli.Failf(cli.ExitRejected, "no room is left to record")
	}
	return nil
}

func (r *recording) why() string {
	if r.lost == nil {
		return ""
	}
	return ": the connection was lost: " + human.Error(r.lost)
}

// outcome writes the rest, says what was recorded, and returns the error that makes the exit code.
func (r *recording) outcome(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errEnough) {
		if err = r.printer.Flush(); err != nil {
			err = &outputError{err}
		}
	} else {
		_ = r.printer.Flush() // the error that there is comes first
	}
	parts := []string{
		"recorded " + human.Things(r.events, "event") + " of " + human.Things(len(r.open), "room"),
		human.Group(r.bytes) + " bytes in " + time.Since(r.start).Round(100*time.Millisecond).String(),
	}
	if r.left > 0 {
		parts = append(parts, "at least "+human.Group(r.left)+" left out or missed")
	}
	if r.losses > 0 {
		parts = append(parts, human.Things(r.losses, "time")+" without a connection")
	}
	output, failed := errors.AsType[*outputError](err)
	if !failed {
		r.Say("%s", strings.Join(parts, ", "))
	}
	switch {
	case failed && errors.Is(err, cli.ErrReaderGone):
		return cli.Failf(cli.ExitFailed, "the recording is not complete: nobody reads it any more")
	case failed:
		return cli.Failf(cli.ExitFailed, "the recording is not complete: %w", output.error)
	case errors.Is(err, client.ErrRefused):
		return r.Failure(err)
	case err != nil && ctx.Err() == nil:
		return err
	case r.refused:
		return cli.Failf(cli.ExitRejected, "some rooms were refused")
	}
	return nil
}
