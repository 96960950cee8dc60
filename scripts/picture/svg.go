package main

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// piece is a part of a row in one style.
type piece struct {
	text   string
	column int
	style  style
}

type style struct {
	colour      int // of the 16 of a terminal, or none
	bold, faint bool
}

const none = -1

// palette has the 16 colours of a terminal, as #rrggbb.
var palette = [16]string{
	"#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
	"#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
}

// parse cuts a screen into rows of pieces. Rows at the end that are empty are left out.
func parse(screen string) [][]piece {
	var rows [][]piece
	now := style{colour: none}
	for _, line := range strings.Split(strings.TrimRight(screen, "\n"), "\n") {
		var row []piece
		column := 0
		for state, p := byte(0), ansi.NewParser(); line != ""; {
			var text string
			var width, n int
			text, width, n, state = ansi.DecodeSequence(line, state, p)
			line = line[n:]
			if width == 0 {
				if p.Command() == 'm' {
					now = now.with(p.Params())
				}
				continue
			}
			if last := len(row) - 1; last >= 0 && row[last].style == now {
				row[last].text += text
			} else {
				row = append(row, piece{text: text, column: column, style: now})
			}
			column += width
		}
		rows = append(rows, row)
	}
	return rows
}

// with is the style after an escape sequence that selects one.
func (s style) with(params ansi.Params) style {
	if len(params) == 0 {
		return style{colour: none}
	}
	for i := range params {
		switch p, _, _ := params.Param(i, 0); {
		case p == 0:
			s = style{colour: none}
		case p == 1:
			s.bold = true
		case p == 2:
			s.faint = true
		case p == 22:
			s.bold, s.faint = false, false
		case p >= 30 && p <= 37:
			s.colour = p - 30
		case p == 39:
			s.colour = none
		case p >= 90 && p <= 97:
			s.colour = p - 90 + 8
		}
	}
	return s
}

// The sizes of the picture, in pixels.
const (
	cell   = 8.4 // the width of a character of 14 pixels in most fonts of one width
	line   = 18
	margin = 16
	title  = 34 // the height of the window's title
)

// draw makes a picture of the rows in a window with a title. Each word says where it
// begins and how wide it is, so the columns are straight in any font.
func draw(rows [][]piece, columns int, name string) []byte {
	var b strings.Builder
	width, height := 2*margin+int(float64(columns)*cell+0.5), title+len(rows)*line+margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"`, width, height, width, height)
	b.WriteString(` font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#e6edf3">` + "\n")
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(name))
	b.WriteString(`<rect width="100%" height="100%" rx="8" fill="#0d1117"/>` + "\n")
	for i, colour := range []int{1, 3, 2} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="17" r="5" fill="%s"/>`+"\n", margin+5+i*18, palette[colour])
	}
	fmt.Fprintf(&b, `<text x="%d" y="22" fill="#8b949e">%s</text>`+"\n", margin+62, escape(name))
	for i, row := range rows {
		for _, p := range row {
			b.WriteString(p.svg(title + (i+1)*line - 4))
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// words matches text without two blanks in a row. Each match is placed on its own, so that
// arrows and blocks of another width in some font do not move the figures.
var words = regexp.MustCompile(`[^ ]+( [^ ]+)*`)

// svg is the piece as text at height y. It is empty where there is nothing to see.
func (p piece) svg(y int) string {
	attributes := ""
	if p.style.colour != none {
		attributes += ` fill="` + palette[p.style.colour] + `"`
	}
	if p.style.bold {
		attributes += ` font-weight="bold"`
	}
	if p.style.faint {
		attributes += ` opacity="0.65"`
	}
	var b strings.Builder
	for _, at := range words.FindAllStringIndex(p.text, -1) {
		text := p.text[at[0]:at[1]]
		column := p.column + ansi.StringWidth(p.text[:at[0]])
		fmt.Fprintf(&b, `<text x="%s" y="%d" textLength="%s"%s>%s</text>`+"\n",
			pixels(margin+float64(column)*cell), y, pixels(float64(ansi.StringWidth(text))*cell), attributes, escape(text))
	}
	return b.String()
}

func pixels(f float64) string { return strconv.FormatFloat(f, 'f', -1, 32) }

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
