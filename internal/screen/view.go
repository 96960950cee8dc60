package screen

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"backbone/internal/cli"
	"backbone/internal/human"
)

// view is the bubbletea model that draws the newest picture. What changes the picture is
// sent to the program as messages.
type view struct {
	title  string
	footer []string // lines below the table
	width  int      // of the terminal; 0 is not known yet
	height int
	shown  picture
	notice string // what is wrong at the moment, if anything
}

// noticeMsg replaces the view's notice.
type noticeMsg string

func (v view) Init() tea.Cmd { return nil }

func (v view) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case picture:
		v.shown = msg
	case noticeMsg:
		v.notice = string(msg)
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return v, quits(msg)
	}
	return v, nil
}

// quits is what a key does: nothing, unless it ends the program or hands over to the shell.
func quits(key tea.KeyPressMsg) tea.Cmd {
	switch key.String() {
	case "q", "ctrl+c", "esc":
		return tea.Quit
	case "ctrl+z":
		if CanSuspend() {
			return tea.Suspend
		}
	}
	return nil
}

func (v view) View() tea.View {
	screen := tea.NewView(v.render())
	screen.AltScreen = true
	screen.WindowTitle = v.title
	return screen
}

func (v view) render() string {
	var b strings.Builder
	s := v.shown
	fmt.Fprintf(&b, "%s   %s\n", cli.StyleTitle.Render(v.title),
		fmt.Sprintf("%d events/s   %d events   latency p50 %s, p99 %s", s.events, s.total, human.Brief(s.p50), human.Brief(s.p99)))
	if s.missed > 0 {
		b.WriteString(cli.StyleWarn.Render(fmt.Sprintf("%d events left out: this terminal is slower than the rooms", s.missed)))
	}
	b.WriteString(cli.StyleWarn.Render(v.notice) + "\n")
	names := s.nameWidth()
	b.WriteString(cli.StyleFaint.Render(fmt.Sprintf("%s %13s %9s %8s %9s  %s", cli.Column("INSTRUMENT", names), "LAST", "CHANGE", "TICKS/S", "LATENCY", "HISTORY")) + "\n")
	for i := range s.rows {
		b.WriteString(renderRow(&s.rows[i], names) + "\n")
	}
	for _, line := range append([]string{""}, v.footer...) {
		b.WriteString(cli.StyleFaint.Render(line) + "\n")
	}
	b.WriteString(cli.StyleFaint.Render("q quits"))
	return Fitted(b.String(), v.width, v.height)
}

// Fitted cuts text to the size of a terminal; 0 is not known yet.
func Fitted(text string, width, height int) string {
	if width == 0 {
		return text
	}
	lines := fit(strings.Split(text, "\n"), height)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, width, "…")
	}
	return strings.Join(lines, "\n")
}

// fit leaves out lines in front of the last one, which says how to quit, until all fit
// into the height.
func fit(lines []string, height int) []string {
	if height <= 0 || len(lines) <= height {
		return lines
	}
	return append(lines[:height-1:height-1], fmt.Sprintf("%s   %d lines do not fit", lines[len(lines)-1], len(lines)-height))
}

// nameWidth is how many columns the instruments take: enough for the widest, within bounds.
func (p *picture) nameWidth() int {
	const least, most = len("INSTRUMENT"), 30
	width := least
	for i := range p.rows {
		width = max(width, cli.Width([]string{p.rows[i].instrument}))
	}
	return min(width, most)
}

func renderRow(r *row, names int) string {
	name := cli.Column(r.instrument, names)
	if r.price == "" {
		return fmt.Sprintf("%s %13s", name, "waiting")
	}
	price := cli.StyleOf(r.direction).Render(fmt.Sprintf("%s %11s", cli.Arrow(r.direction), r.price))
	change := r.change()
	changed := cli.StyleOf(cli.Sign(change)).Render(fmt.Sprintf("%+8.2f%%", change))
	return fmt.Sprintf("%s %s %s %8d %9s  %s", name, price, changed, r.perSecond, human.Brief(r.latency), Sparkline(r.history, historySize))
}
