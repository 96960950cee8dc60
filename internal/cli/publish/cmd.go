// Package publish is the command that publishes prices: one from flags, or those of lines
// from a file or standard input, in the protocol's own shape or in another.
package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// Cmd is the command and its flags.
type Cmd struct {
	Name   string `arg:"" optional:"" name:"instrument" help:"Instrument to publish a price of, instead of lines: as --instrument."`
	Number string `arg:"" optional:"" name:"price" help:"The price: as --price."`

	Instrument string `group:"One event" placeholder:"NAME" help:"Instrument to publish a price of, instead of JSON lines."`
	Price      string `group:"One event" placeholder:"NUMBER" help:"The price. Consumers receive it exactly as written here."`
	TS         *int64 `group:"One event" name:"ts" placeholder:"N" help:"Time of the price, in a unit of your choice. If left out: now, in milliseconds."`
	Data       string `group:"One event" placeholder:"OBJECT" help:"A JSON object that consumers receive with the price, such as '{\"size\":0.5}'."`

	Retire []string `placeholder:"NAME" help:"Instrument to retire instead: it has no price any more, on all instances. Several with commas, or the flag repeated."`

	File string  `placeholder:"FILE" help:"Read lines from a file instead of standard input."`
	Rate float64 `placeholder:"N" help:"Events a second. 0 is as fast as the server accepts them."`
	Ack  bool    `help:"Wait for the server's reply to each event, and report rejected or lost events by their lines: the first 20, then one a second and how many more."`

	Retry bool `help:"With --ack, send again in order what has no answer when the connection is lost. Consumers may then receive it twice."`

	DryRun bool `help:"Check all lines as a server would, without one."`

	Outage string `enum:"all,newest,none" default:"all" help:"What is sent of the events that are read while the connection is lost: all, for which reading waits; newest, the newest of each instrument; or none. With --ack, reading waits too while 1,024 events have no answer."`

	playback `embed:""`

	foreign `embed:"" group:"Lines of another shape"`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone publish BTC_USDT 60214.30
backbone publish --file day.jsonl --replay --speed 10
backbone publish --file prices.jsonl --dry-run
backbone publish --file prices.jsonl --ack
tail -F trades.jsonl | backbone publish --map instrument=.s,price=.p
backbone publish --retire BTC_USDT`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := c.takeArguments(); err != nil {
		return err
	}
	one := c.Instrument != "" || c.Price != "" || c.TS != nil || c.Data != ""
	if err := c.checkRetire(one); err != nil {
		return err
	}
	switch {
	case one && c.File != "":
		return config.Errorf("file", "and an event in flags exclude each other: leave one out")
	case one && c.Instrument == "":
		return config.Errorf("instrument", "is missing: an event has --instrument and --price")
	case one && c.Price == "":
		return config.Errorf("price", "is missing: an event has --instrument and --price")
	case one && !protocol.ValidRoom(c.Instrument):
		return config.Errorf("instrument", "%s, not %q", protocol.RoomFault(c.Instrument), c.Instrument)
	case one && (!protocol.ValidNumber(c.Price) || len(c.Price) > protocol.MaxPriceLength):
		return config.Errorf("price", "must be a JSON number of at most %d characters, not %q", protocol.MaxPriceLength, c.Price)
	case one && protocol.PriceFault(c.Price) != "":
		return config.Errorf("price", "%s, not %s", protocol.PriceFault(c.Price), c.Price)
	case c.Retry && !c.Ack:
		return config.Errorf("retry", "needs --ack, whose answers tell what is to be sent again")
	case c.Retry && c.Outage != "all" && c.Outage != "":
		return config.Errorf("retry", "sends everything: leave out --outage")
	case c.TS != nil && *c.TS < 0:
		return config.Errorf("ts", "must be at least 0, not %d", *c.TS)
	case c.Data != "" && (c.Data[0] != '{' || !json.Valid([]byte(c.Data))):
		return config.Errorf("data", "must be a JSON object, not %q", c.Data)
	case len(c.Data) > protocol.MaxDataBytes || protocol.Depth(c.Data) > protocol.MaxDataDepth:
		return config.Errorf("data", "must have at most %d bytes and be nested at most %d deep, not %d bytes and %d deep",
			protocol.MaxDataBytes, protocol.MaxDataDepth, len(c.Data), protocol.Depth(c.Data))
	}
	if err := c.foreign.check(one || len(c.Retire) > 0, c.Replay); err != nil {
		return err
	}
	if err := c.playback.check(c, one); err != nil {
		return err
	}
	if err := cli.CheckRateOrNone("rate", c.Rate, cli.MaxPublishRate); err != nil {
		return err
	}
	return c.Connection.Validate()
}

// Run publishes until the input or ctx ends, and reports what was not accepted.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	var opt client.Options
	if !c.DryRun {
		var err error
		if opt, err = c.Options(); err != nil {
			return err
		}
	}
	if len(c.Retire) > 0 {
		return c.retire(ctx, s, opt)
	}
	input, err := c.input(s)
	if err != nil {
		return err
	}
	if f, ok := input.(*os.File); ok && f != s.In {
		defer f.Close()
	}
	lines, err := c.source(input)
	if err != nil {
		return err
	}
	if f, ok := input.(*os.File); ok && c.Loop {
		lines = &rounds{source: lines, file: f, open: c.source}
	}
	if c.DryRun {
		return c.dryRun(ctx, s, lines)
	}
	status := (*cli.StatusLine)(nil)
	if c.watched(s) {
		status, s = cli.NewStatusLine(s)
	}
	p := newPublication(c, s)
	p.progress.total = sizeOf(input)
	if status != nil {
		stop, shown := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(shown)
			p.progress.show(status, stop)
		}()
		p.done = func() {
			close(stop)
			<-shown
		}
	}
	return p.run(ctx, opt, lines)
}

// takeArguments takes the arguments for the flags that they stand for.
func (c *Cmd) takeArguments() error {
	switch {
	case c.Name != "" && c.Instrument != "":
		return config.Errorf("instrument", "and an instrument without a flag exclude each other: leave one out")
	case c.Number != "" && c.Price != "":
		return config.Errorf("price", "and a price without a flag exclude each other: leave one out")
	case c.Name != "":
		c.Instrument, c.Name = c.Name, ""
	}
	if c.Number != "" {
		c.Price, c.Number = c.Number, ""
	}
	return nil
}

// source reads events out of lines.
func (c *Cmd) source(input io.Reader) (source, error) {
	if c.Map == "" {
		return newEventReader(input), nil
	}
	return newMappedReader(newLineReader(input, maxLine), &c.foreign)
}

// tsUnit is the unit of ts in what is published: a map makes milliseconds of any.
func (c *Cmd) tsUnit() string {
	if c.Map != "" {
		return "ms"
	}
	return c.TSUnit
}

// input is where the lines come from. An event in flags is a line too.
func (c *Cmd) input(s cli.Streams) (io.Reader, error) {
	switch {
	case c.Instrument != "":
		ts := time.Now().UnixMilli()
		if c.TS != nil {
			ts = *c.TS
		}
		event := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: c.Instrument, Price: json.Number(c.Price), TS: &ts, Data: json.RawMessage(c.Data)}
		return bytes.NewReader(event.Append(nil)), nil
	case c.File != "" && c.File != "-":
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			_ = f.Close() // nothing was read
			return nil, fmt.Errorf("--file: %s is a directory: name a file of lines", c.File)
		}
		return f, nil
	}
	if f, ok := s.In.(*os.File); ok && telemetry.IsTerminal(f) {
		what := "JSON lines"
		if c.CSV {
			what = "CSV"
		}
		s.Say("reading %s from the terminal; Ctrl-D ends", what)
	}
	return s.In, nil
}

// errInterrupted ends a publication that the user interrupts.
var errInterrupted = errors.New("interrupted")
