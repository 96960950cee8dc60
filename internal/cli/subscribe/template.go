package subscribe

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	text "text/template"
	"text/template/parse"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/protocol"
)

// template is the one of --format. One goroutine uses it.
type template struct {
	parsed *text.Template
	stamps bool // it shows what only a stamp says
}

// row is what a template prints: a price, a retirement, or a message. What an event lacks is empty.
type row struct {
	Type       string
	Room       string // of a price too
	Instrument string
	Price      string
	TS         int64
	Data       string
	Snapshot   bool
	Text       string
	Received   time.Time

	stamp *client.Stamp
	asked *bool // set when the template shows a stamp
	clean func(string) string
}

// samples are rows with which every branch of a usual template runs.
func samples(asked *bool) []row {
	full := row{
		Type: protocol.TypePriceUpdate, Room: "A", Instrument: "A", Price: "1.5", TS: 1, Data: `{"size":1}`, Snapshot: true, Text: "text",
		Received: time.UnixMilli(1), stamp: &client.Stamp{Epoch: "e", Seq: 1, At: time.UnixMilli(1), Age: time.Second}, asked: asked,
	}
	full.clean = strings.Clone
	return []row{full, {asked: asked, clean: full.clean}}
}

// newTemplate parses a template, and refuses one that names what no event has.
func newTemplate(format string) (*template, error) {
	parsed, err := text.New("format").Parse(format)
	if err != nil {
		return nil, config.Errorf("format", "%s", strings.TrimPrefix(err.Error(), "template: "))
	}
	if parsed.Tree == nil || parsed.Root == nil {
		return nil, config.Errorf("format", "must print something, as in '{{.Instrument}} {{.Price}}'")
	}
	escapes(parsed.Root)
	t := &template{parsed: parsed}
	for _, r := range samples(&t.stamps) {
		if err := parsed.Execute(io.Discard, &r); err != nil {
			return nil, config.Errorf("format", "%s", fault(err))
		}
	}
	return t, nil
}

var (
	inner   = regexp.MustCompile(`^template: (format:\d+:\d+): executing "format" at (<.*>): (.*)$`)
	unknown = regexp.MustCompile(`can't evaluate field (\S+) in type \S+`)
)

// fault words an error of a template without the names of its types.
func fault(err error) string {
	message := err.Error()
	if m := inner.FindStringSubmatch(message); m != nil {
		message = "{{" + strings.Trim(m[2], "<>") + "}}: " + m[3]
	}
	return unknown.ReplaceAllString(message, "there is no field $1: the fields are Type, Room, Instrument, Price, TS, Data, Field \"KEY\", Snapshot, Text, Received, At, Age and Seq")
}

// escapes makes tabs and line ends of \t and \n outside of actions, where a shell leaves them as they are.
func escapes(n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		n.Text = []byte(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(string(n.Text)))
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			escapes(child)
		}
	case *parse.IfNode:
		escapes(n.List)
		escapes(n.ElseList)
	case *parse.WithNode:
		escapes(n.List)
		escapes(n.ElseList)
	case *parse.RangeNode:
		escapes(n.List)
		escapes(n.ElseList)
	}
}

// format is the template as the format of a printer. On a terminal, text from the network does
// nothing but stand there.
func (t *template) format(terminal bool) cli.Format {
	clean := func(text string) string { return text }
	if terminal {
		clean = cli.Printable
	}
	var line bytes.Buffer
	return func(e client.Event, now time.Time) []byte {
		r := row{Received: now, asked: new(bool), clean: clean}
		switch e := e.(type) {
		case client.PriceUpdate:
			r.Type, r.Instrument, r.Price, r.TS, r.Data = protocol.TypePriceUpdate, clean(e.Instrument), string(e.Price), e.TS, clean(string(e.Data))
			r.Room, r.Snapshot, r.stamp = r.Instrument, e.Snapshot, e.Stamp
		case client.Retired:
			r.Type, r.Instrument, r.Snapshot, r.stamp = protocol.TypeRetired, clean(e.Instrument), e.Snapshot, e.Stamp
			r.Room = r.Instrument
		case client.ChatMessage:
			r.Type, r.Room, r.Text = protocol.TypeMessage, clean(e.Room), clean(e.Text)
		default:
			return nil
		}
		line.Reset()
		if err := t.parsed.Execute(&line, &r); err != nil { // of a function that got what it cannot take
			line.WriteString(fault(err))
		}
		line.WriteByte('\n')
		return line.Bytes()
	}
}

// Field is a value of the price's data: a text without its quotes, any other as JSON, and empty if
// there is none.
func (r *row) Field(key string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(r.Data), &fields) != nil {
		return ""
	}
	var s string
	if json.Unmarshal(fields[key], &s) == nil {
		return r.clean(s) // which may have had escapes of JSON
	}
	return r.clean(string(fields[key]))
}

// Seq is the number of the price in its room, 0 without a stamp.
func (r *row) Seq() uint64 {
	if *r.asked = true; r.stamp == nil {
		return 0
	}
	return r.stamp.Seq
}

// At is when an instance took the price in, the zero time without a stamp.
func (r *row) At() time.Time {
	if *r.asked = true; r.stamp == nil {
		return time.Time{}
	}
	return r.stamp.At
}

// Age is how old the price is, to the millisecond: a snapshot as the server measures it, a live one by
// the clocks of the instance and of this machine.
func (r *row) Age() time.Duration {
	*r.asked = true
	switch {
	case r.stamp == nil:
		return 0
	case r.Snapshot:
		return r.stamp.Age
	}
	return r.Received.Sub(r.stamp.At).Round(time.Millisecond)
}
