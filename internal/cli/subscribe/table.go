package subscribe

import (
	"fmt"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
)

// table is what --snapshot-only shows a person: the last prices, aligned by their decimal points. Rooms
// come in the order in which they were named.
type table struct {
	color  bool
	prices map[string]client.PriceUpdate
	empty  map[string]bool // rooms of which no last price is known
}

func newTable(color bool) *table {
	return &table{color: color, prices: map[string]client.PriceUpdate{}, empty: map[string]bool{}}
}

// lines is the table. Rooms without an answer are left out.
func (t *table) lines(rooms []string) []byte {
	var named []string
	before, behind := 0, 0 // columns on both sides of the point
	for _, room := range rooms {
		p, known := t.prices[room]
		if known {
			whole, rest := atPoint(string(p.Price))
			before, behind = max(before, len(whole)), max(behind, len(rest))
		}
		if known || t.empty[room] {
			named = append(named, room)
		}
	}
	width := min(cli.Width(named), cli.MaxRoomWidth)
	var b strings.Builder
	for _, room := range named {
		p, known := t.prices[room]
		if !known {
			fmt.Fprintf(&b, "%s  %s\n", cli.Column(room, width), t.faint(strings.Repeat(" ", max(before-1, 0))+"-  no last price is known"))
			continue
		}
		whole, rest := atPoint(string(p.Price))
		var more []string
		if p.Stamp != nil {
			more = append(more, ageOf(p.Stamp.Age)+" old")
		}
		if p.Data != nil {
			more = append(more, cli.Printable(string(p.Data)))
		}
		line := fmt.Sprintf("%s  %*s%-*s", cli.Column(room, width), before, whole, behind, rest)
		if len(more) > 0 {
			line += t.faint("  " + strings.Join(more, "  "))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return []byte(b.String())
}

// ageOf is an age as 4.03 s, or from 100 seconds on as 9m28s.
func ageOf(d time.Duration) string {
	if d >= 100*time.Second {
		return d.Round(time.Second).String()
	}
	ms := float64(d) / float64(time.Millisecond)
	return human.Millis(&ms)
}

func (t *table) faint(text string) string {
	if !t.color {
		return text
	}
	return cli.StyleFaint.Render(text)
}

// atPoint cuts a number in front of its decimal point, or of its exponent if it has no point.
func atPoint(price string) (whole, rest string) {
	if i := strings.IndexAny(price, ".eE"); i >= 0 {
		return price[:i], price[i:]
	}
	return price, ""
}

// take takes what is known of a room, and reports whether it was for the table.
func (t *table) take(e client.Event) bool {
	switch e := e.(type) {
	case client.PriceUpdate:
		t.prices[e.Instrument] = e
	case client.NoSnapshot:
		t.empty[e.Room] = true
	default:
		return false
	}
	return true
}

// format keeps events for the table, and prints others as the other format does.
func (t *table) format(other cli.Format) cli.Format {
	return func(e client.Event, now time.Time) []byte {
		if t.take(e) {
			return nil
		}
		return other(e, now)
	}
}
