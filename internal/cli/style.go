package cli

import (
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
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
