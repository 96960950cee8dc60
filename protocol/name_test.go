package protocol_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"backbone/protocol"
)

// realNames are the lines of testdata/names.txt.
func realNames(t *testing.T) (names []string) {
	t.Helper()
	content, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			names = append(names, line)
		}
	}
	if len(names) < 80 {
		t.Fatalf("only %d names", len(names))
	}
	return names
}

// Servers, the SDK and encoding/json write each name as it is between two quotes, and read it alike.
func TestRealNames(t *testing.T) {
	t.Parallel()
	for _, name := range realNames(t) {
		if fault := protocol.RoomFault(name); fault != "" || !protocol.ValidRoom([]byte(name)) {
			t.Errorf("%q: %s", name, fault)
		}
		price := string(protocol.AppendPriceUpdate(nil, name, "1", "2", ""))
		conflated, none, status := protocol.Conflated(name, 3), protocol.NoSnapshot(name), protocol.FeedStatus(name, true, 4)
		for _, text := range []string{price, conflated, none, status} {
			var m protocol.ServerMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil || m.Room+m.Instrument != name {
				t.Errorf("%s: %+v, %v", text, m, err)
			}
			if again := string(m.Append(nil)); again != text {
				t.Errorf("%s is written %s elsewhere", text, again)
			}
		}
		p, ok := protocol.ScanPriceUpdate([]byte(price))
		room, skipped, also := protocol.ScanConflated([]byte(conflated))
		if !ok || string(p.Instrument) != name || protocol.InstrumentOf(price, len(name)) != name || !also || string(room) != name || skipped != 3 {
			t.Errorf("%q was read as %q, %q", name, p.Instrument, room)
		}
	}
}

func TestRoomFault(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                                 "must not be empty",
		" ":                                "must not begin or end with a blank",
		" A":                               "must not begin or end with a blank",
		"A ":                               "must not begin or end with a blank",
		"AAPL  260116C00200000":            "must not have two blanks in a row",
		"a\tb":                             "must not contain the character U+0009",
		"a\x00":                            "must not contain the character U+0000",
		"a\x1b[2J":                         "must not contain the character U+001B",
		"a\x7f":                            "must not contain the character U+007F",
		"a\u0085b":                         "must not contain the character U+0085", // next line, a control
		"a\u009bb":                         "must not contain the character U+009B", // begins a terminal's sequence
		"a\u00a0b":                         "must not contain the character U+00A0", // no-break space
		"a\u3000b":                         "must not contain the character U+3000", // ideographic space
		"a\u2028b":                         "must not contain the character U+2028", // line separator
		"a\u200bb":                         "must not contain the character U+200B", // zero-width space
		"a\u202eb":                         "must not contain the character U+202E", // turns the direction
		"a\u2066b":                         "must not contain the character U+2066",
		"\ufeffA":                          "must not contain the character U+FEFF", // a byte order mark
		"a\u00adb":                         "must not contain the character U+00AD", // soft hyphen
		"a\ue000":                          "must not contain the character U+E000", // private use
		"a\U000f0000":                      "must not contain the character U+F0000",
		"a\u0378":                          "must not contain the character U+0378", // unassigned
		"a\uffff":                          "must not contain the character U+FFFF", // never a character
		`a"b`:                              `must not contain "`,
		`a\b`:                              `must not contain \`,
		"a\xffb":                           "must be UTF-8",
		"a\xed\xa0\x80":                    "must be UTF-8", // half of a surrogate pair
		"a\xe5\xb8":                        "must be UTF-8",
		"\ufffd":                           "", // a symbol like others
		strings.Repeat("a", 128):           "",
		strings.Repeat("a", 129):           "must have at most 128 bytes, has 129",
		strings.Repeat("币", 42) + "ab":     "",
		strings.Repeat("币", 42) + "abc":    "must have at most 128 bytes, has 129",
		strings.Repeat("a ", 63) + "a":     "",
		"e\u0301":                          "",
		"\u00e9":                           "",
		"\U0001f48e":                       "",
		"\U0001f468\u200d\U0001f469":       "must not contain the character U+200D", // joined emoji
		"a\u0300\u0301\u0302\u0303\u0304b": "",
	} {
		if got := protocol.RoomFault(name); got != want || protocol.RoomFault([]byte(name)) != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// No character but these is allowed, and each of these is, by Unicode's own classes.
func TestCharactersOfNames(t *testing.T) {
	t.Parallel()
	class := regexp.MustCompile(`\A[\pL\pM\pN\pP\pS]\z`)
	for r := range rune(0x110000) {
		want := class.MatchString(string(r)) && r != '"' && r != '\\' && (r < 0xd800 || r > 0xdfff)
		if got := protocol.ValidRoom("a" + string(r)); got != want && (r < 0xd800 || r > 0xdfff) {
			t.Errorf("%U: valid %v", r, got)
		}
	}
}

func TestNamesAreFreeOfAllocations(t *testing.T) {
	name := []byte("比特币/人民币 BRK B")
	if n := testing.AllocsPerRun(100, func() {
		if !protocol.ValidRoom(name) {
			t.Error("invalid")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPriceFault(t *testing.T) {
	t.Parallel()
	const finite, small = "must be finite as a float64", "must be 0, or at least 1e-308 away from it"
	for price, want := range map[string]string{
		"60214.30": "", "-37.63": "", "0": "", "-0": "", "0." + strings.Repeat("0", 61) + "1": "",
		"1E5": "", "1e+308": "", "1.7976931348623157e308": "", "1e309": finite, "-1E309": finite, "1.7976931348623159e308": finite,
		"1e-308": "", "-1e-308": "", "9.99e-309": small, "-1e-309": small, "5e-324": small, "1e-400": small, "1e-99999999999999999999": small,
		"0e-999": "", "-0.00e-400": "", "0e999": "", "0.0000001e-302": small, "10000000e-315": "",
	} {
		if got := protocol.PriceFault(price); got != want || protocol.PriceFault([]byte(price)) != want {
			t.Errorf("%s: %q, want %q", price, got, want)
		}
	}
}

func ExampleRoomFault() {
	fmt.Println(protocol.RoomFault(" BTC_USDT"))
	fmt.Println(protocol.RoomFault("BTC\u200b_USDT"))
	// Output:
	// must not begin or end with a blank
	// must not contain the character U+200B
}
