package main

import (
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestParseReadsColoursAndColumns(t *testing.T) {
	got := parse("\x1b[1mdemo\x1b[0m\x1b[39m  5\n\n\x1b[2mA\x1b[22m \x1b[32m▲ 1\x1b[39m \x1b[91m<x>\x1b[m\n\n\n")
	plain := style{colour: none}
	want := [][]piece{
		{{"demo", 0, style{colour: none, bold: true}}, {"  5", 4, plain}},
		nil,
		{
			{"A", 0, style{colour: none, faint: true}}, {" ", 1, plain},
			{"▲ 1", 2, style{colour: 2}}, {" ", 5, plain}, {"<x>", 6, style{colour: 9}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestDrawWritesEachWordAtItsColumn(t *testing.T) {
	picture := string(draw([][]piece{nil, {{"  <x>   ▲ 1 ", 3, style{colour: 1, bold: true}}, {"   ", 9, style{colour: none}}}}, 20, "a & b"))
	for _, want := range []string{
		`<text x="58" y="66" textLength="25.2" fill="#ff7b72" font-weight="bold">&lt;x&gt;</text>`,
		`<text x="108.4" y="66" textLength="25.2" fill="#ff7b72" font-weight="bold">▲ 1</text>`,
		"<title>a &amp; b</title>",
		`viewBox="0 0 200 86"`,
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("%s\nis not in\n%s", want, picture)
		}
	}
	if n := strings.Count(picture, "textLength"); n != 2 {
		t.Errorf("there are %d words, want 2: blanks are not drawn", n)
	}
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
