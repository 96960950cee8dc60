package subscribe

import (
	"strconv"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
)

// output is the flags that say in which form events are printed.
type output struct {
	JSON       bool   `name:"json" group:"Output" help:"Print JSON lines on a terminal too."`
	Format     string `group:"Output" placeholder:"TEMPLATE" help:"Print prices and messages as a template says (Go's text/template), as in '{{.Instrument}} {{.Price}}'. It has Type, Room, Instrument, Price, TS, Data, Field \"KEY\" (of data), Snapshot, Text, Received and, with stamps, At, Age and Seq."`
	Raw        bool   `group:"Output" help:"Print each message of the server as it came, answers included."`
	Timestamps bool   `group:"Output" help:"Also print when each event came: on a terminal with the date, in JSON as received, in milliseconds since 1970."`

	template *template // of --format; nil for none
}

// check refuses flags that exclude each other, and a template that is wrong.
func (o *output) check() (err error) {
	switch {
	case o.Raw && o.JSON:
		return config.Errorf("raw", "and --json exclude each other: leave one out")
	case o.Raw && o.Format != "":
		return config.Errorf("raw", "and --format exclude each other: leave one out")
	case o.JSON && o.Format != "":
		return config.Errorf("json", "and --format exclude each other: leave one out")
	case o.Timestamps && o.Format != "":
		return config.Errorf("timestamps", "and --format exclude each other: write {{.Received}} in the template")
	case o.Format != "":
		o.template, err = newTemplate(o.Format)
	}
	return err
}

// people reports whether lines are for people rather than for programs.
func (o *output) people(s cli.Streams) bool { return s.Pretty() && !o.JSON && !o.Raw && o.Format == "" }

// form is the format that the flags ask for.
func (o *output) form(s cli.Streams, rooms []string) cli.Format {
	switch {
	case o.template != nil:
		return o.template.format(s.Pretty())
	case o.Raw:
		return func(client.Event, time.Time) []byte { return nil } // the messages are written
	case o.people(s) && o.Timestamps:
		return cli.Pretty(rooms, cli.DateAndClock)
	case o.people(s):
		return cli.Pretty(rooms, "")
	}
	return o.json
}

// json is an event as a line of JSON, those of the connection among them.
func (o *output) json(e client.Event, now time.Time) []byte {
	line := cli.JSONLine(e)
	if line == nil {
		return cli.ConnectionLine(e, now)
	}
	if end := len(line) - len("}\n"); o.Timestamps && line[end] == '}' && end > 1 {
		line = strconv.AppendInt(append(line[:end], `,"received":`...), now.UnixMilli(), 10)
		line = append(line, "}\n"...)
	}
	return line
}
