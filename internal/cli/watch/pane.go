package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/screen"
)

// pane shows the selected room in as many lines.
func (m *model) pane(height int) []string {
	width := m.width
	if width == 0 {
		width = 80
	}
	name := cli.Printable(m.selected)
	rule := "── " + name + " "
	lines := []string{cli.StyleFaint.Render(ansi.Truncate(rule+strings.Repeat("─", max(width-ansi.StringWidth(rule), 0)), width, "…"))}
	r := m.row(m.selected)
	switch {
	case r == nil:
		lines = append(lines, "it is not watched any more")
	case r.price == "":
		lines = append(lines, r.state.String(), m.counts(r))
	default:
		lines = append(lines, m.prose(r)...)
		lines = append(lines, chart(r.history, width, height-len(lines))...)
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:min(height, len(lines))]
}

// prose is what is known of a row with a price.
func (m *model) prose(r *row) []string {
	price := cli.StyleOf(r.direction).Render(cli.Arrow(r.direction) + " " + string(r.price))
	first := fmt.Sprintf("%s  %s (%s) since %s", price, cmp.Or(difference(r.price, r.first), "-"), percent(r.change()), r.first)
	origin := fmt.Sprintf("ts %d", r.ts)
	if r.stamp.Epoch != "" {
		origin += fmt.Sprintf("  taken in %s as %s of %s", r.stamp.At.Format("15:04:05.000"), human.Group(r.stamp.Seq), cli.Printable(r.stamp.Epoch))
	}
	if r.data != "" {
		origin += "  data " + cli.Printable(r.data)
	}
	return []string{first + fmt.Sprintf("  low %s  high %s", r.low, r.high), m.counts(r), origin}
}

// counts are the figures of a row.
func (m *model) counts(r *row) string {
	text := fmt.Sprintf("%s updates, %s/s  %s conflated", human.Group(r.updates), human.Group(r.perSecond), human.Group(r.conflated))
	if r.price != "" {
		text += "  age " + m.urgency(r, m.age(r))
		if r.latency > 0 {
			text += "  latency " + human.Brief(r.latency)
		}
	}
	if r.missed > 0 {
		text += fmt.Sprintf("  %s missed without a connection", human.Group(r.missed))
	}
	if r.chats > 0 {
		text += fmt.Sprintf("  %s chat messages", human.Group(r.chats))
	}
	if r.silent {
		text += "  " + cli.StyleOf(-1).Render("silent since "+r.since.Format("15:04:05"))
	}
	return text
}

// chart draws a history with its highest and lowest price and its time.
func chart(history []client.Price, width, height int) []string {
	rows := height - 1 // and the line of the time
	if rows < 1 || len(history) == 0 {
		return nil
	}
	labels := 0
	for _, price := range history[max(0, len(history)-width):] {
		labels = max(labels, len(price))
	}
	labels = min(labels, width/3)
	columns := width - labels - 2
	if columns < 1 {
		return nil
	}
	history = history[max(0, len(history)-columns):]
	byValue := func(a, b client.Price) int { return cmp.Compare(number(a), number(b)) }
	low, high := slices.MinFunc(history, byValue), slices.MaxFunc(history, byValue)
	var lines []string
	for i, line := range screen.Chart(values(history, columns), columns, rows) {
		label := client.Price("")
		switch i {
		case 0:
			label = high
		case rows - 1:
			label = low
		}
		lines = append(lines, fmt.Sprintf("%*s │%s", labels, ansi.Truncate(string(label), labels, "…"), line))
	}
	ago := fmt.Sprintf("%ds ago", len(history)-1)
	axis := strings.Repeat(" ", max(min(columns-len(history), columns-len(ago)-len(" now")), 0)) + ago
	axis += strings.Repeat(" ", max(columns-len(axis)-len("now"), 1)) + "now"
	return append(lines, cli.StyleFaint.Render(strings.Repeat(" ", labels+2)+ansi.Truncate(axis, columns, "")))
}
