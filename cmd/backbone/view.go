package main

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

var (
	styleUp    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleDown  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleFaint = lipgloss.NewStyle().Faint(true)
	styleTitle = lipgloss.NewStyle().Bold(true)
	styleWarn  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// liveView is the demo's screen: a bubbletea model that draws the newest picture. What
// changes the picture is sent to the program as messages.
type liveView struct {
	footer []string // lines below the table
	width  int      // of the terminal; 0 is not known yet
	height int
	shown  picture
	notice string // what is wrong at the moment, if anything
}

// noticeMsg replaces the view's notice.
type noticeMsg string

func (v liveView) Init() tea.Cmd { return nil }

func (v liveView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case picture:
		v.shown = msg
	case noticeMsg:
		v.notice = string(msg)
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "ctrl+c", "esc":
			return v, tea.Quit
		}
	}
	return v, nil
}

func (v liveView) View() tea.View {
	screen := tea.NewView(v.render())
	screen.AltScreen = true
	screen.WindowTitle = "backbone demo"
	return screen
}

func (v liveView) render() string {
	var b strings.Builder
	s := v.shown
	fmt.Fprintf(&b, "%s   %s\n", styleTitle.Render("backbone demo"),
		fmt.Sprintf("%d events/s   %d events   publish to receive: p50 %s, p99 %s", s.events, s.total, brief(s.p50), brief(s.p99)))
	if s.missed > 0 {
		b.WriteString(styleWarn.Render(fmt.Sprintf("%d events left out: this terminal is slower than the market", s.missed)))
	}
	b.WriteString(styleWarn.Render(v.notice) + "\n")
	b.WriteString(styleFaint.Render(fmt.Sprintf("%-10s %13s %9s %8s %9s  %s", "INSTRUMENT", "LAST", "CHANGE", "TICKS/S", "LATENCY", "HISTORY")) + "\n")
	for i := range s.rows {
		b.WriteString(renderRow(&s.rows[i]) + "\n")
	}
	for _, line := range append([]string{""}, v.footer...) {
		b.WriteString(styleFaint.Render(line) + "\n")
	}
	b.WriteString(styleFaint.Render("q quits"))
	if v.width == 0 {
		return b.String()
	}
	lines := fit(strings.Split(b.String(), "\n"), v.height)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, v.width, "…")
	}
	return strings.Join(lines, "\n")
}

// fit leaves out lines in front of the last one, which says how to quit, until all fit
// into the height.
func fit(lines []string, height int) []string {
	if height <= 0 || len(lines) <= height {
		return lines
	}
	return append(lines[:height-1:height-1], lines[len(lines)-1])
}

func renderRow(r *row) string {
	if r.price == "" {
		return fmt.Sprintf("%-10s %13s", r.instrument, "waiting")
	}
	price := styleOf(r.direction).Render(fmt.Sprintf("%s %11s", arrow(r.direction), r.price))
	change := r.change()
	changed := styleOf(sign(change)).Render(fmt.Sprintf("%+8.2f%%", change))
	return fmt.Sprintf("%-10s %s %s %8d %9s  %s", r.instrument, price, changed, r.perSecond, brief(r.latency), sparkline(r.history, historySize))
}

func styleOf(direction int) lipgloss.Style {
	switch {
	case direction > 0:
		return styleUp
	case direction < 0:
		return styleDown
	}
	return lipgloss.NewStyle()
}

func arrow(direction int) string {
	switch {
	case direction > 0:
		return "▲"
	case direction < 0:
		return "▼"
	}
	return " "
}

func sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// brief is a duration in at most 7 characters.
func brief(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(time.Second).String()
}
