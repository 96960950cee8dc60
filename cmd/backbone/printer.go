package main

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"

	"backbone/client"
	"backbone/protocol"
)

// printer writes events to standard output, each as one line.
type printer struct {
	buffer *bufio.Writer // flushed by whoever calls, once nothing more waits
	format func(client.Event, time.Time) []byte
}

// newPrinter prints JSON lines, or for a terminal lines in aligned columns.
func newPrinter(s streams, rooms []string) *printer {
	p := &printer{buffer: bufio.NewWriterSize(writerFunc(s.write), 64<<10), format: jsonLine}
	if s.pretty() {
		p.format = newPretty(rooms, !noColor()).line
	}
	return p
}

func (p *printer) print(e client.Event, now time.Time) error {
	_, err := p.buffer.Write(p.format(e, now))
	return err
}

func (p *printer) flush() error { return p.buffer.Flush() }

// writerFunc is a function as an io.Writer that writes all or fails.
type writerFunc func([]byte) error

func (f writerFunc) Write(b []byte) (int, error) {
	if err := f(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// jsonLine is the event as the server's message, with the end of a line.
func jsonLine(e client.Event, _ time.Time) []byte {
	var m protocol.ServerMessage
	switch e := e.(type) {
	case client.PriceUpdate:
		m = protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: e.Instrument, Price: e.Price, TS: &e.TS, Snapshot: e.Snapshot}
	case client.ChatMessage:
		m = protocol.ServerMessage{Type: protocol.TypeMessage, Room: e.Room, Data: &e.Text}
	case client.Conflated:
		m = protocol.ServerMessage{Type: protocol.TypeConflated, Room: e.Room, Skipped: e.Skipped}
	case client.NoSnapshot:
		m = protocol.ServerMessage{Type: protocol.TypeNoSnapshot, Room: e.Room}
	case client.FeedStatus:
		m = protocol.ServerMessage{Type: protocol.TypeStatus, Room: e.Room, Feed: feedWord(e.Silent), Since: e.Since.UnixMilli()}
	case client.LinkStatus:
		m = protocol.ServerMessage{Type: protocol.TypeStatus, Bridge: linkWord(e.OK), Since: e.Since.UnixMilli()}
	case client.Unknown:
		return append([]byte(strings.ReplaceAll(string(e.Raw), "\n", " ")), '\n')
	default:
		return nil
	}
	return append(m.Append(nil), '\n')
}

func feedWord(silent bool) string {
	if silent {
		return protocol.FeedSilent
	}
	return protocol.FeedLive
}

func linkWord(ok bool) string {
	if ok {
		return protocol.BridgeOK
	}
	return protocol.BridgeDegraded
}

// pretty writes lines for people.
type pretty struct {
	color      bool
	roomWidth  int
	priceWidth int // grows with the longest price
	prices     map[string]float64
	directions map[string]int
}

func newPretty(rooms []string, color bool) *pretty {
	p := &pretty{color: color, priceWidth: 10, prices: map[string]float64{}, directions: map[string]int{}}
	for _, room := range rooms {
		p.roomWidth = max(p.roomWidth, len(room))
	}
	return p
}

func (p *pretty) line(e client.Event, now time.Time) []byte {
	var room, text string
	switch e := e.(type) {
	case client.PriceUpdate:
		room, text = e.Instrument, p.price(e)
	case client.ChatMessage:
		room, text = e.Room, printable(e.Text)
	case client.Conflated:
		room, text = e.Room, p.paint(styleWarn, fmt.Sprintf("  … %d left out: this reader is slower than the room", e.Skipped))
	case client.NoSnapshot:
		room, text = e.Room, p.paint(styleFaint, "  no last price is known")
	case client.FeedStatus:
		room, text = e.Room, p.paint(styleWarn, "  feed "+feedWord(e.Silent)+" since "+e.Since.Format("15:04:05.000"))
	case client.LinkStatus:
		text = p.paint(styleWarn, "  link to other instances "+linkWord(e.OK)+" since "+e.Since.Format("15:04:05.000"))
	case client.Unknown:
		text = p.paint(styleFaint, printable(string(e.Raw)))
	default:
		return nil
	}
	return fmt.Appendf(nil, "%s  %-*s  %s\n", p.paint(styleFaint, now.Format("15:04:05.000")), p.roomWidth, room, text)
}

// price shows an arrow and the change since the price before; an unchanged price keeps
// the direction it came from.
func (p *pretty) price(u client.PriceUpdate) string {
	value, _ := strconv.ParseFloat(string(u.Price), 64)
	before, known := p.prices[u.Instrument]
	p.prices[u.Instrument] = value
	if known && value != before {
		p.directions[u.Instrument] = sign(value - before)
	}
	direction := p.directions[u.Instrument]
	p.priceWidth = max(p.priceWidth, len(u.Price))
	text := p.paint(styleOf(direction), fmt.Sprintf("%s %*s", arrow(direction), p.priceWidth, u.Price))
	switch {
	case u.Snapshot:
		text += p.paint(styleFaint, "  last known: up to --last-price-ttl of the server old")
	case known && before != 0:
		change := math.Round((value/before-1)*1e6) / 1e4
		text += p.paint(styleFaint, fmt.Sprintf("  %+.4f%%", change+0)) // + 0 makes 0 of -0
	}
	return text
}

func (p *pretty) paint(style lipgloss.Style, text string) string {
	if !p.color {
		return text
	}
	return style.Render(text)
}

// printable shows text from the network in one line and without the characters that
// could do things to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsGraphic(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
