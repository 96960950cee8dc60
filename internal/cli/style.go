package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// The styles of a terminal.
var (
	StyleFaint = lipgloss.NewStyle().Faint(true)
	StyleTitle = lipgloss.NewStyle().Bold(true)
	StyleWarn  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)

	styleUp   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleDown = lipgloss.NewStyle().Foreground(lipgloss.Red)
)

// StyleOf is the style of a direction: above 0 is up, below 0 is down.
func StyleOf(direction int) lipgloss.Style {
	switch {
	case direction > 0:
		return styleUp
	case direction < 0:
		return styleDown
	}
	return lipgloss.NewStyle()
}

// Arrow is the sign of a direction, one column wide.
func Arrow(direction int) string {
	switch {
	case direction > 0:
		return "▲"
	case direction < 0:
		return "▼"
	}
	return " "
}

// Sign is the direction of a difference: -1, 0 or 1.
func Sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// Column returns a name from the network, made printable, and filled up with blanks to a number
// of columns of a terminal. A longer name is cut, so that what follows stays in its column.
func Column(name string, width int) string {
	name = ansi.Truncate(Printable(name), width, "…")
	return name + strings.Repeat(" ", width-ansi.StringWidth(name))
}

// Width is how many columns of a terminal the widest of the names takes.
func Width(names []string) (widest int) {
	for _, name := range names {
		widest = max(widest, ansi.StringWidth(Printable(name)))
	}
	return widest
}

// Name is a room's name within a sentence: in quotes if it does not read as one word.
func Name(room string) string {
	if strings.ContainsFunc(room, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }) {
		return strconv.Quote(room)
	}
	return room
}

// Names are rooms' names in a sentence.
func Names(rooms []string) string {
	named := make([]string, len(rooms))
	for i, room := range rooms {
		named[i] = Name(room)
	}
	return strings.Join(named, " ")
}

// Printable returns text from the network in one line and without the characters that
// could do things to a terminal.
func Printable(text string) string {
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

// controls reports whether r is a character by which a terminal is controlled: C0 without the end of a line and
// the tabulator, DEL, or C1.
func controls(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// escaped returns lines of JSON, or other lines that are printed, with DEL and C1 as JSON writes them in
// escapes: it leaves them as they are in a string, and terminals obey C1. C0 stays, for colours.
func escaped(lines []byte) []byte {
	is := func(r rune) bool { return 0x7f <= r && r <= 0x9f }
	if !bytes.ContainsFunc(lines, is) {
		return lines
	}
	var b []byte
	for rest := lines; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if is(r) {
			b = fmt.Appendf(b, `\u%04x`, r)
		} else {
			b = append(b, rest[:size]...)
		}
		rest = rest[size:]
	}
	return b
}
