package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"charm.land/lipgloss/v2"

	"backbone/client"
	"backbone/internal/human"
)

// EventBuffer is the number of events that may wait for a printer or a screen. Bursts are
// taken off the socket immediately, so that the server has no reason to conflate.
const EventBuffer = 65536

// Printer writes events to standard output, each as one line. One goroutine uses it.
type Printer struct {
	buffer *bufio.Writer // flushed by the caller once no further event waits
	format Format
}

// Format is the line, or the lines, of an event that came at the time; nil for none.
type Format func(client.Event, time.Time) []byte

// NewPrinter prints JSON lines, or for a terminal lines in aligned columns.
func NewPrinter(s Streams, rooms []string) *Printer {
	if s.Pretty() {
		return NewPrinterAs(s, Pretty(rooms, clock))
	}
	return NewPrinterAs(s, func(e client.Event, _ time.Time) []byte { return JSONLine(e) })
}

// NewPrinterAs prints what the format makes of events.
func NewPrinterAs(s Streams, format Format) *Printer {
	p := &Printer{buffer: bufio.NewWriterSize(WriterFunc(s.Print), 64<<10), format: format}
	if s.Pretty() { // Print may get a part of a character
		p.format = func(e client.Event, now time.Time) []byte { return escaped(format(e, now)) }
	}
	return p
}

// What Pretty puts in front of a line, in the form of package time.
const (
	clock = "15:04:05.000"
	// DateAndClock is for what runs for days.
	DateAndClock = "2006-01-02 15:04:05.000"
)

// Pretty is the format for people at a terminal, in columns that are wide enough for the rooms. Each line
// begins with the time of its event in the layout, or in that of the hour if it is empty.
func Pretty(rooms []string, layout string) Format {
	p := newPretty(rooms, !NoColor())
	p.layout = cmp.Or(layout, clock)
	return p.line
}

// Print writes an event that came at now. An event that is not data writes nothing.
func (p *Printer) Print(e client.Event, now time.Time) error {
	_, err := p.buffer.Write(p.format(e, now))
	return err
}

// Write prints lines that are no events.
func (p *Printer) Write(lines []byte) (int, error) { return p.buffer.Write(lines) }

// Flush hands on to standard output what was printed.
func (p *Printer) Flush() error { return p.buffer.Flush() }

// IsData reports whether a printer has a line for the event.
func IsData(e client.Event) bool { return JSONLine(e) != nil }

// MaxRoomWidth is how many columns the names of rooms take at most.
const MaxRoomWidth = 40

// pretty writes lines for people.
type pretty struct {
	color      bool
	layout     string // of times
	roomWidth  int
	priceWidth int // grows with the longest price
	prices     map[string]float64
	directions map[string]int
}

func newPretty(rooms []string, color bool) *pretty {
	return &pretty{color: color, layout: clock, roomWidth: min(Width(rooms), MaxRoomWidth), priceWidth: 10, prices: map[string]float64{}, directions: map[string]int{}}
}

func (p *pretty) line(e client.Event, now time.Time) []byte {
	var room, text string
	switch e := e.(type) {
	case client.PriceUpdate:
		room, text = e.Instrument, p.price(e)
	case client.Retired:
		room, text = e.Instrument, p.paint(StyleWarn, "  retired: it has no price any more")
		delete(p.prices, e.Instrument)
		delete(p.directions, e.Instrument)
	case client.ChatMessage:
		room, text = e.Room, Printable(e.Text)
	case client.Conflated:
		room, text = e.Room, p.paint(StyleWarn, fmt.Sprintf("  … %d left out: this reader is slower than the room", e.Skipped))
	case client.Lost:
		room, text = e.Room, p.paint(StyleWarn, fmt.Sprintf("  … %d messages lost: this reader is slow", e.Messages))
	case client.NoSnapshot:
		room, text = e.Room, p.paint(StyleFaint, "  no last price is known")
	case client.FeedStatus:
		room, text = e.Room, p.paint(StyleWarn, "  feed "+feedWord(e.Silent)+" since "+e.Since.Format(p.layout))
	case client.BridgeStatus:
		text = p.paint(StyleWarn, "  link to other instances "+linkWord(e.OK)+" since "+e.Since.Format(p.layout))
	case client.Unknown:
		text = p.paint(StyleFaint, Printable(string(e.Raw)))
	default:
		return nil
	}
	return fmt.Appendf(nil, "%s  %s  %s\n", p.paint(StyleFaint, now.Format(p.layout)), Column(room, p.roomWidth), text)
}

// price shows an arrow and the change since the price before; an unchanged price keeps
// the direction it came from.
func (p *pretty) price(u client.PriceUpdate) string {
	value, _ := strconv.ParseFloat(string(u.Price), 64)
	before, known := p.prices[u.Instrument]
	p.prices[u.Instrument] = value
	if known && value != before {
		p.directions[u.Instrument] = Sign(value - before)
	}
	direction := p.directions[u.Instrument]
	p.priceWidth = max(p.priceWidth, len(u.Price))
	text := p.paint(StyleOf(direction), fmt.Sprintf("%s %*s", Arrow(direction), p.priceWidth, u.Price))
	switch {
	case u.Snapshot && u.Stamp != nil:
		age := float64(u.Stamp.Age) / float64(time.Millisecond)
		text += p.paint(StyleFaint, "  last known, "+human.Millis(&age)+" old")
	case u.Snapshot:
		text += p.paint(StyleFaint, "  last known: --stamp says how old")
	case known && before != 0:
		change := math.Round((value/before-1)*1e6) / 1e4
		text += p.paint(StyleFaint, fmt.Sprintf("  %+.4f%%", change+0)) // + 0 makes 0 of -0
	}
	if u.Data != nil {
		text += p.paint(StyleFaint, "  "+Printable(string(u.Data)))
	}
	return text
}

func (p *pretty) paint(style lipgloss.Style, text string) string {
	if !p.color {
		return text
	}
	return style.Render(text)
}
