package watch

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/screen"
)

const (
	title       = "backbone watch"
	fixed       = 5 // lines around the table
	noticeStays = 15 * time.Second
	leastDetail = 9 // lines, if there are as many
)

// View draws what fits into the terminal.
func (m model) View() tea.View {
	drawn := tea.NewView(screen.Fitted(strings.Join(m.lines(), "\n"), m.width, m.height))
	drawn.AltScreen = true
	drawn.WindowTitle = title
	return drawn
}

// lines are those of the screen.
func (m *model) lines() []string {
	lines := []string{m.headline(), m.figures(), m.notice()}
	if m.help {
		lines = append(lines, "")
		lines = append(lines, helpLines()...)
	} else {
		lines = append(lines, m.table()...)
		if m.detail {
			lines = append(lines, m.pane(m.paneHeight())...)
		}
	}
	for m.height > 0 && len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return append(lines, m.foot())
}

// paneHeight is how many lines the detail pane has; 0 without one.
func (m *model) paneHeight() int {
	free := m.height - fixed
	switch {
	case !m.detail:
		return 0
	case m.height == 0:
		return leastDetail
	}
	return max(free/2, min(leastDetail, free-1), 0)
}

// places is how many rows the table has.
func (m *model) places() int {
	if m.height == 0 { // not known yet
		return len(m.order)
	}
	return max(m.height-fixed-m.paneHeight(), 1)
}

// headline says where the prices come from, and whether they come.
func (m *model) headline() string {
	p := &m.shown
	line := cli.StyleTitle.Render(title) + "  " + cli.Printable(m.server) + "  "
	switch {
	case p.at.IsZero():
		line += "joining"
	case p.lost != nil:
		line += cli.StyleOf(-1).Render(fmt.Sprintf("DISCONNECTED for %s, attempt %d", brief(p.at.Sub(p.since)), p.attempt))
	case p.degraded:
		line += cli.StyleWarn.Render("connected; no link to the other instances since " + p.bridge.Format("15:04:05"))
	default:
		line += cli.StyleOf(1).Render("connected")
	}
	if m.held {
		line += "  " + cli.StyleWarn.Render("PAUSED at "+p.at.Format("15:04:05"))
	}
	return line
}

// figures are those of all rooms.
func (m *model) figures() string {
	p := &m.shown
	line := human.Things(len(p.rows), "room")
	if m.filter != "" {
		line = fmt.Sprintf("%s of %s", human.Group(len(m.order)), line)
	}
	if shown := min(m.places(), len(m.order)); shown < len(m.order) && !m.help {
		line += fmt.Sprintf(", %d-%d", m.top+1, m.top+shown)
	}
	line += fmt.Sprintf("  %s/s  latency p50 %s, p99 %s", human.Group(p.perSecond), human.Brief(p.p50), human.Brief(p.p99))
	if m.rate > 0 {
		line += fmt.Sprintf("  at most %v/s each", m.rate)
	}
	switch {
	case p.conflated > 0 && m.rate > 0: // as was asked for
		line += "  " + human.Group(p.conflated) + " conflated"
	case p.conflated > 0:
		line += "  " + cli.StyleWarn.Render(human.Group(p.conflated)+" conflated")
	}
	if m.filter != "" && m.mode != filtering {
		line += "  filter " + m.filter
	}
	return line
}

// notice is what is to be said at the moment, empty if there is nothing.
func (m *model) notice() string {
	p := &m.shown
	text := ""
	switch {
	case m.said != "":
		text = m.said
	case p.lost != nil:
		text = human.Error(p.lost)
	case p.notice != "" && p.at.Sub(p.noticed) < noticeStays:
		text = p.notice
	case p.behind < clockFault:
		text = fmt.Sprintf("the clock here is at least %v behind that of an instance: the latencies are wrong", -p.behind.Round(time.Millisecond))
	case p.unstamped > 0 && p.unstamped == p.events:
		text = "prices have no stamp, so no latency is known: the instance is older than stamps"
	}
	return cli.StyleWarn.Render(cli.Printable(text))
}

// foot is the last line: what is typed, or what can be.
func (m *model) foot() string {
	switch m.mode {
	case filtering:
		return "filter: " + m.typed + "_" + cli.StyleFaint.Render("   enter keeps it, esc takes it away")
	case adding:
		return "join room: " + m.typed + "_" + cli.StyleFaint.Render("   enter joins, esc does not")
	}
	if m.help {
		return cli.StyleFaint.Render("? or esc goes back   q quits")
	}
	return cli.StyleFaint.Render("q quit  enter detail  / filter  s sort  p pause  a add  d drop  ? keys")
}

func helpLines() []string {
	lines := []string{
		"up down pgup pgdown home end   select a room",
		"enter            its details and a larger chart",
		"/                show only names with a text; esc shows all",
		"s                the next order; r turns it round",
	}
	for _, s := range sortings {
		lines = append(lines, fmt.Sprintf("%s                in order %s", s.key, s.about))
	}
	return append(lines,
		"a  d             join a room; leave the selected one",
		"p                pause: the screen stands still, and the reading goes on",
		"ctrl-z           back to the shell; fg comes back",
		"q ctrl-c         quit",
		"",
		"A price is amber and then red when it is old. LATENCY is the time since an instance took the price in, by its",
		"clock: it is right as far as the clocks of the two machines agree.")
}

// brief is a time in at most four columns.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 100*time.Hour:
		return fmt.Sprintf("%.0fh", d.Hours())
	}
	return fmt.Sprintf("%.0fd", min(d.Hours()/24, 999))
}
