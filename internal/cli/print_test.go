package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"backbone/client"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5e6, time.Local)

func TestJSONLinesAreTheServersMessages(t *testing.T) {
	for want, e := range map[string]client.Event{
		`{"type":"price_update","instrument":"A","price":1.10,"ts":0}`:                       client.PriceUpdate{Instrument: "A", Price: "1.10"},
		`{"type":"price_update","instrument":"A","price":1e-7,"ts":5,"snapshot":true}`:       client.PriceUpdate{Instrument: "A", Price: "1e-7", TS: 5, Snapshot: true},
		`{"type":"price_update","instrument":"A","price":1,"ts":5,"data":{"a":1.0,"b":"<"}}`: client.PriceUpdate{Instrument: "A", Price: "1", TS: 5, Data: json.RawMessage("{ \"a\":1.0,\n\"b\":\"<\" }")},
		`{"type":"message","room":"r","data":"<ä\n>"}`:                                       client.ChatMessage{Room: "r", Text: "<ä\n>"},
		`{"type":"message","room":"r","data":""}`:                                            client.ChatMessage{Room: "r"},
		`{"type":"conflated","room":"A","skipped":37}`:                                       client.Conflated{Room: "A", Skipped: 37},
		`{"type":"retired","instrument":"A","snapshot":true}`:                                client.Retired{Instrument: "A", Snapshot: true},
		`{"type":"lost","room":"A","messages":4}`:                                            client.Lost{Room: "A", Messages: 4},
		`{"type":"no_snapshot","room":"A"}`:                                                  client.NoSnapshot{Room: "A"},
		`{"type": "new"}`:                                                                    client.Unknown{Type: "new", Raw: []byte(`{"type":` + "\n" + `"new"}`)},
	} {
		if got := string(JSONLine(e)); got != want+"\n" {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
	if got := JSONLine(client.Connected{}); got != nil {
		t.Errorf("what is no message gives %q", got)
	}
}

func TestPrettyLinesAreAligned(t *testing.T) {
	p := newPretty([]string{"A", "LONGER"}, false)
	var lines []string
	for _, e := range []client.Event{
		client.PriceUpdate{Instrument: "A", Price: "100.0", Snapshot: true},
		client.PriceUpdate{Instrument: "A", Price: "101.0"},
		client.PriceUpdate{Instrument: "A", Price: "101.0"},
		client.PriceUpdate{Instrument: "LONGER", Price: "5"},
		client.PriceUpdate{Instrument: "A", Price: "99.5"},
		client.PriceUpdate{Instrument: "LONGER", Price: "5", Data: json.RawMessage("{\"size\":\n1}")},
		client.Conflated{Room: "A", Skipped: 12},
		client.Lost{Room: "A", Messages: 4},
		client.Retired{Instrument: "A"},
		client.NoSnapshot{Room: "LONGER"},
		client.ChatMessage{Room: "A", Text: "a\x1b[31m\nb"},
	} {
		lines = append(lines, string(p.line(e, noon)))
	}
	for i, want := range []string{
		"12:00:00.005  A              100.0  last known: --stamp says how old\n",
		"12:00:00.005  A       ▲      101.0  +1.0000%\n",
		"12:00:00.005  A       ▲      101.0  +0.0000%\n",
		"12:00:00.005  LONGER             5\n",
		"12:00:00.005  A       ▼       99.5  -1.4851%\n",
		"12:00:00.005  LONGER             5  +0.0000%  {\"size\": 1}\n",
		"12:00:00.005  A         … 12 left out: this reader is slower than the room\n",
		"12:00:00.005  A         … 4 messages lost: this reader is slow\n",
		"12:00:00.005  A         retired: it has no price any more\n",
		"12:00:00.005  LONGER    no last price is known\n",
		"12:00:00.005  A       a�[31m b\n",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
}

func TestNamesOfAnyScriptStayInTheirColumn(t *testing.T) {
	rooms := []string{"A", "币安人生USDT", "e\u0301te\u0301", "💎🙌", "BRK B"}
	p := newPretty(rooms, false)
	for _, room := range append(rooms, "a\x1b[2J\rb", strings.Repeat("币", 42)) { // what no server sends, and what was not asked for
		line := string(p.line(client.PriceUpdate{Instrument: room, Price: "1.5"}, noon))
		before, _, _ := strings.Cut(line, "1.5")
		if w := ansi.StringWidth(before); w != len("12:00:00.005  ")+12+len("    ")+len("       ") {
			t.Errorf("the price of %q begins in column %d: %q", room, w, line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q does things to the terminal", line)
		}
	}
	if got, want := Names([]string{"BTC_USDT", "BRK B", "^GSPC", "币安人生USDT", "a\x1b"}), `BTC_USDT "BRK B" ^GSPC 币安人生USDT "a\x1b"`; got != want {
		t.Errorf("names: %s, want %s", got, want)
	}
}

func TestASnapshotSaysHowOldItIs(t *testing.T) {
	u := client.PriceUpdate{Instrument: "A", Price: "1.5", Snapshot: true, Stamp: &client.Stamp{Age: 1300 * time.Millisecond}}
	if line := string(newPretty(nil, false).line(u, noon)); !strings.HasSuffix(line, "1.5  last known, 1.30 s old\n") {
		t.Errorf("line %q", line)
	}
}

func TestColourIsForDirections(t *testing.T) {
	p := newPretty(nil, true)
	p.line(client.PriceUpdate{Instrument: "A", Price: "1"}, noon)
	up := string(p.line(client.PriceUpdate{Instrument: "A", Price: "2"}, noon))
	down := string(p.line(client.PriceUpdate{Instrument: "A", Price: "1"}, noon))
	if !strings.Contains(up, "\x1b[32m▲") || !strings.Contains(down, "\x1b[31m▼") {
		t.Errorf("up %q, down %q", up, down)
	}
}

func TestAChangeThatRoundsToNothingHasNoSign(t *testing.T) {
	p := newPretty(nil, false)
	p.line(client.PriceUpdate{Instrument: "A", Price: "10000000"}, noon)
	if line := string(p.line(client.PriceUpdate{Instrument: "A", Price: "9999999"}, noon)); !strings.Contains(line, "  +0.0000%") {
		t.Errorf("line %q", line)
	}
}
