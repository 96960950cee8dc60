package watch

import (
	tea "charm.land/bubbletea/v2"

	"backbone/internal/cli"
	"backbone/internal/screen"
	"backbone/protocol"
)

// key does what a key says while no text is typed.
func (m *model) key(name string) tea.Cmd {
	switch name {
	case "q", "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		if !screen.CanSuspend() {
			m.said = "nothing could bring this program back: no shell has started it"
			return nil
		}
		return tea.Suspend
	case "esc":
		m.escape()
	case "?":
		m.help = !m.help
	case "enter":
		if m.selected == "" {
			m.move(0)
		}
		m.detail = !m.detail && m.selected != ""
	case "p", "space":
		m.held = !m.held
	case "/":
		m.mode, m.typed = filtering, m.filter
	case "a":
		m.mode, m.typed = adding, ""
	case "d", "delete":
		m.drop()
	case "r":
		m.reverse, m.dirty = !m.reverse, true
	case "s":
		m.next()
	default:
		m.browse(name)
	}
	return nil
}

// browse is for the keys of the selection and of the orders.
func (m *model) browse(name string) {
	page := max(m.places()-1, 1)
	steps := map[string]int{
		"up": -1, "down": 1, "pgup": -page, "pgdown": page, "home": -len(m.order), "end": len(m.order),
	}
	if step, ok := steps[name]; ok {
		m.move(step)
		return
	}
	for _, s := range sortings {
		if s.key == name {
			m.sort(s)
		}
	}
}

func (m *model) sort(s sorting) {
	m.by, m.dirty, m.said = s, true, "in order "+s.about
	m.top = 0
}

// next is the order behind the present one.
func (m *model) next() {
	for i, s := range sortings {
		if s.name == m.by.name {
			m.sort(sortings[(i+1)%len(sortings)])
			return
		}
	}
}

// escape leaves what is open, one thing with each key.
func (m *model) escape() {
	switch {
	case m.help:
		m.help = false
	case m.detail:
		m.detail = false
	case m.filter != "":
		m.filter, m.dirty = "", true
	default:
		m.selected = ""
	}
}

// move selects another room: one step from none is to the first.
func (m *model) move(by int) {
	if len(m.order) == 0 {
		return
	}
	at := m.position()
	if at < 0 {
		if at = m.top; by == 1 || by == -1 {
			by = 0
		}
	}
	m.selected = m.order[max(min(at+by, len(m.order)-1), 0)]
}

// drop leaves the selected room.
func (m *model) drop() {
	at := m.position()
	switch {
	case at < 0:
		m.said = "select a room first: up, down"
	case m.held:
		m.said = "paused: go on with p first"
	case !m.ask(m.selected, true):
		m.said = "too many rooms at the same time: try again"
	default:
		m.said = "left " + cli.Name(m.selected)
		if m.move(1); m.position() == at {
			m.move(-1)
		}
	}
}

// letter is for keys while a text is typed.
func (m *model) letter(key tea.KeyPressMsg) tea.Cmd {
	switch name := key.String(); name {
	case "ctrl+c":
		return tea.Quit
	case "esc":
		if m.mode == filtering {
			m.filter, m.dirty = "", true
		}
		m.mode = browsing
	case "enter":
		if m.mode == adding {
			m.add()
		}
		m.mode = browsing
	case "backspace":
		if runes := []rune(m.typed); len(runes) > 0 {
			m.typed = ""
			m.enter(string(runes[:len(runes)-1]))
		}
	case "ctrl+u":
		m.typed = ""
		m.enter("")
	default:
		m.enter(key.Text)
	}
	return nil
}

// enter adds to what is typed. A filter is used at once.
func (m *model) enter(text string) {
	m.typed = cli.Printable(m.typed + text)
	if m.mode == filtering {
		m.filter, m.dirty, m.top = m.typed, true, 0
	}
}

// add joins the room whose name was typed.
func (m *model) add() {
	switch fault := protocol.RoomFault(m.typed); {
	case m.typed == "":
	case fault != "":
		m.said = cli.Name(m.typed) + ": the name " + fault
	case !m.ask(m.typed, false):
		m.said = "too many rooms at the same time: try again"
	default:
		m.selected, m.held = m.typed, false
	}
}
