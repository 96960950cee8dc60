package common_test

import (
	"fmt"
	"strings"
	"testing"

	"backbone/internal/domain/common"
)

// A text is cut when it is longer than what is quoted, at the end of a character if it has any.
func TestQuoteCutsOnlyWhatIsLonger(t *testing.T) {
	t.Parallel()
	x := strings.Repeat("x", 60)
	for _, tt := range []struct{ text, want string }{
		{x + "1234", `"` + x + `1234"`},
		{x + "12345", `"` + x + `1234"...`},
		{x + "123ü", `"` + x + `123"...`},
		{x + "12ü", `"` + x + `12ü"`},
		{x + "1€", `"` + x + `1€"`},
		{x + "12€", `"` + x + `12"...`},
		{x + "𝄞", `"` + x + `𝄞"`},
		{x + "1𝄞", `"` + x + `1"...`},
		{x + "123𝄞", `"` + x + `123"...`},
	} {
		if got := common.Quote(tt.text); got != tt.want {
			t.Errorf("%d bytes: got %s, want %s", len(tt.text), got, tt.want)
		}
	}
	for n := range 10 { // bytes that are no characters: they are cut anyway, to about as many
		text := x + strings.Repeat("\x80", n)
		if got := strings.Count(common.Quote(text), `\x80`); n <= 4 && got != n || n > 4 && got != 0 {
			t.Errorf("of %d bytes that are no character %d are quoted", n, got)
		}
	}
}

func TestNumbersMayBeginWithAnyDigit(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"0", "0.5", "-0.5", "1", "5", "9", "9.25"} {
		for _, msg := range []string{
			fmt.Sprintf(`{"type":"t","n":%s}`, number),
			fmt.Sprintf(`{"type":"t","\u006e":%s}`, number), // not plain
			fmt.Sprintf(`{"type":"t","x":true,"n":%s}`, number),
		} {
			if got, present, err := decode(t, msg).Number("n"); string(got) != number || !present || err != nil {
				t.Errorf("%s: got %q, present %t, %v", msg, got, present, err)
			}
		}
	}
}

// An error shows a field's name as it is if it is made of letters and digits, and in quotes otherwise.
func TestNamesAreQuotedIfTheyAreNoWords(t *testing.T) {
	t.Parallel()
	for name, quoted := range map[string]bool{
		"a": false, "z": false, "A": false, "Z": false, "0": false, "9": false, "a_b-c": false,
		"a`": true, "a{": true, "a@": true, "a[": true, "a/": true, "a:": true, "a ": true, "ü": true,
		strings.Repeat("x", 64): false, strings.Repeat("x", 65): true,
	} {
		err := decode(t, fmt.Sprintf(`{"type":"t",%q:1}`, name)).Only("other")
		if err == nil {
			t.Fatalf("%s is allowed", name)
		}
		if got := strings.Contains(err.Error(), `: "`); got != quoted {
			t.Errorf("in quotes %t, want %t: %v", got, quoted, err)
		}
	}
}

// A type that nobody knows gets one hint at most: the one type that differs in case, or how to ping.
func TestAnUnknownTypeGetsOneHint(t *testing.T) {
	t.Parallel()
	known := func(lower string) bool { return lower == "join" || lower == "ping" }
	for typ, want := range map[string]string{
		"JOIN": "unknown_type: type: there is no type \"JOIN\", did you mean join?",
		"goin": "unknown_type: type: there is no type \"goin\"",
		"Ping": "unknown_type: type: there is no type \"Ping\"; to ping, send {\"type\":\"ping\"}",
	} {
		if got := common.UnknownType(typ, known).Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
