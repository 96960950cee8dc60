package watch

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/internal/cli"
)

// mode is what keys are for.
type mode int

const (
	browsing  mode = iota
	filtering      // letters are of the filter
	adding         // letters are of a room's name
)

// model is the bubbletea model. It has no connection: rooms are added and removed by ask.
type model struct {
	// Immutable.
	server string
	stale  staleness
	ask    func(room string, leave bool) bool // false: not now
	rate   float64                            // prices of a room a second, at most; 0 is each

	shown         picture
	held          bool // the picture stays, whatever comes
	width, height int

	by       sorting
	reverse  bool
	filter   string
	mode     mode
	typed    string
	said     string // for the last key; empty for nothing
	help     bool
	detail   bool
	selected string // room
	top      int    // the first row that is shown, in order

	order    []string // rooms that pass the filter
	arranged uint64   // the second of the picture in which order was made
	dirty    bool     // order is to be made anew
	index    map[string]int
	names    int    // columns of the widest name
	prices   column // of those that were shown in this order
}

func newModel(server string, s staleness, by, filter string, ask func(string, bool) bool) model {
	m := model{server: server, stale: s, by: sortings[0], filter: filter, ask: ask, dirty: true}
	for _, s := range sortings {
		if s.name == by {
			m.by = s
		}
	}
	return m
}

// Init begins with nothing.
func (m model) Init() tea.Cmd { return nil }

// Update takes in a picture, a key or the terminal's size.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case picture:
		if !m.held {
			m.shown = msg
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		m.said = ""
		if m.mode == browsing {
			cmd = m.key(msg.String())
		} else {
			cmd = m.letter(msg)
		}
	case tea.PasteMsg:
		if m.mode != browsing {
			m.enter(msg.Content)
		}
	}
	m.arrange()
	return m, cmd
}

// arrange brings the rows in order: once a second, or rows would jump about, and when something else is
// asked for.
func (m *model) arrange() {
	rows := m.shown.rows
	if m.dirty || m.arranged != m.shown.second || len(rows) != len(m.index) {
		m.order = ordered(&m.shown, m.by, m.reverse, m.filter)
		m.index = make(map[string]int, len(rows))
		for i := range rows {
			m.index[rows[i].room] = i
		}
		m.dirty, m.arranged = false, m.shown.second
		m.names, m.prices = max(cli.Width(m.order), len("INSTRUMENT")), column{}
	} else {
		for i := range rows { // one came while another went
			if m.index[rows[i].room] != i {
				m.dirty = true
				m.arrange()
				return
			}
		}
	}
	m.scroll()
	for _, room := range m.visible() {
		if r := m.row(room); r != nil && r.price != "" {
			m.prices.fit(string(r.price))
		}
	}
}

// scroll keeps the selected room on the screen.
func (m *model) scroll() {
	places := m.places()
	at := m.position()
	switch {
	case m.selected != "" && at < m.top:
		m.top = max(at, 0)
	case m.selected != "" && at >= m.top+places:
		m.top = at - places + 1
	}
	m.top = max(min(m.top, len(m.order)-places), 0)
}

// position is the place of the selected room in order, -1 if it is not there.
func (m *model) position() int {
	for i, room := range m.order {
		if room == m.selected {
			return i
		}
	}
	return -1
}

// row is the row of a room of order; nil if it has gone.
func (m *model) row(room string) *row {
	if i, ok := m.index[room]; ok {
		return &m.shown.rows[i]
	}
	return nil
}

// staleness is from which age on a price is no longer taken for current.
type staleness struct{ aging, stale time.Duration }
