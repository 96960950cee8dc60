package watch

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/screen"
)

const (
	freshFor   = time.Second // how long a price has the colour of its change
	leastSpark = 8
)

// cell is one column of the table between the price and the chart.
type cell struct {
	title string
	width int
	text  func(m *model, r *row) string
}

// cells in the order in which the width is given to them.
var cells = []cell{
	{"CHANGE%", 8, func(_ *model, r *row) string { return percent(r.change()) }},
	{"UPD/S", 6, func(_ *model, r *row) string { return human.Group(r.perSecond) }},
	{"AGE", 6, (*model).age},
	{"CONFL", 7, func(_ *model, r *row) string { return count(r.conflated) }},
	{"LATENCY", 8, func(_ *model, r *row) string { return human.Brief(r.latency) }},
	{"CHANGE", 12, func(_ *model, r *row) string {
		return ansi.Truncate(difference(r.price, r.first), 12, "…")
	}},
}

// layout is how the table divides the width.
type layout struct {
	name, price int
	cells       []cell
	spark       int
}

func (m *model) layout() layout {
	width := m.width
	if width == 0 {
		width = 80
	}
	most := 20
	if width >= 120 {
		most = 32
	}
	l := layout{name: min(m.names, most), price: max(m.prices.width(24), len("PRICE"))}
	left := width - 1 - l.name - 1 - 2 - l.price - 2 // the mark, blanks, and the arrow
	for _, c := range cells {
		if left-c.width-1 < leastSpark {
			break
		}
		l.cells = append(l.cells, c)
		left -= c.width + 1
	}
	l.spark = max(left, 0)
	return l
}

// table is the heading and the rows that fit.
func (m *model) table() []string {
	l := m.layout()
	heading := " " + cli.Column("INSTRUMENT", l.name) + " " + fmt.Sprintf("  %-*s", l.price, strings.Repeat(" ", max(l.price-5, 0)/2)+"PRICE")
	for _, c := range l.cells {
		heading += fmt.Sprintf(" %*s", c.width, c.title)
	}
	lines := []string{cli.StyleFaint.Render(heading + "  TREND")}
	for _, room := range m.visible() {
		if r := m.row(room); r != nil {
			lines = append(lines, m.line(l, r))
		} else {
			lines = append(lines, "")
		}
	}
	if len(m.shown.rows) == 0 {
		lines = append(lines, "", "  no room is watched: a joins one")
	} else if len(m.order) == 0 {
		lines = append(lines, "", "  no name has the text of the filter: esc shows all")
	}
	for len(lines) <= m.places() && m.height > 0 {
		lines = append(lines, "")
	}
	return lines
}

// visible are the rooms whose rows fit.
func (m *model) visible() []string {
	end := min(m.top+m.places(), len(m.order))
	return m.order[min(m.top, end):end]
}

// line is the line of a room.
func (m *model) line(l layout, r *row) string {
	mark := " "
	if r.room == m.selected {
		mark = ">"
	}
	start := mark + cli.Column(r.room, l.name)
	if r.room == m.selected {
		start = cli.StyleTitle.Render(start)
	}
	if r.price == "" {
		return start + "   " + cli.StyleFaint.Render(r.state.String())
	}
	price := m.prices.align(string(r.price), l.price)
	direction := cli.StyleOf(r.direction)
	if m.shown.at.Sub(r.changed) < freshFor && !r.changed.IsZero() {
		price = direction.Render(price)
	}
	line := start + " " + direction.Render(cli.Arrow(r.direction)) + " " + price
	for _, c := range l.cells {
		text := fmt.Sprintf(" %*s", c.width, c.text(m, r))
		switch c.title {
		case "AGE":
			text = m.urgency(r, text)
		case "CHANGE%", "CHANGE":
			text = cli.StyleOf(r.price.Cmp(r.first)).Render(text)
		}
		line += text
	}
	return line + "  " + screen.Sparkline(values(r.history, l.spark), l.spark)
}

// String is what is shown in place of a price.
func (s state) String() string {
	switch s {
	case unknown:
		return "no last price is known"
	case retired:
		return "retired: it has no price any more"
	}
	return "joining"
}

// values are the last points of a history.
func values(history []client.Price, most int) []float64 {
	history = history[max(0, len(history)-most):]
	all := make([]float64, len(history))
	for i, price := range history {
		all[i] = number(price)
	}
	return all
}

// age is the age of a row's price, with > if it is older than that and ! if that is too old.
func (m *model) age(r *row) string {
	age, ok := r.age(m.shown.at)
	if !ok {
		return "-"
	}
	text := brief(age)
	if r.ageless {
		text = ">" + text
	}
	if m.isStale(r, age) {
		text += "!"
	}
	return text
}

func (m *model) isStale(r *row, age time.Duration) bool { return age >= m.stale.stale || r.silent }

// urgency colours text by the age of a row's price.
func (m *model) urgency(r *row, text string) string {
	age, ok := r.age(m.shown.at)
	switch {
	case !ok:
		return text
	case m.isStale(r, age):
		return cli.StyleOf(-1).Render(text)
	case age >= m.stale.aging:
		return cli.StyleWarn.Render(text)
	}
	return text
}

func count(n uint64) string {
	if n == 0 {
		return "-"
	}
	return human.Group(n)
}

// percent writes a change in at most eight columns.
func percent(change float64) string {
	rounded := math.Round(change*100)/100 + 0 // and not -0
	switch {
	case math.Abs(rounded) < 1000:
		return fmt.Sprintf("%+.2f%%", rounded)
	case math.Abs(rounded) < 1e6:
		return fmt.Sprintf("%+.0f%%", rounded)
	}
	return fmt.Sprintf("%+.0e%%", rounded)
}
