package subscribe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"backbone/internal/cli"
	"backbone/protocol"
)

func TestTheServerIsAskedForFewerPrices(t *testing.T) {
	for _, test := range []struct {
		args           []string
		rate, conflate string
	}{
		{nil, "", ""},
		{[]string{"--max-rate=0.5"}, "0.5", ""},
		{[]string{"--conflate=never"}, "", "never"},
		{[]string{"--conflate=behind", "--max-rate=2"}, "2", "behind"},
	} {
		joins := make(chan protocol.ClientMessage, 8)
		url := joinServer(t, func(m protocol.ClientMessage) []protocol.ServerMessage { joins <- m; return nil })
		subscribeTo(t, url, append(test.args, "A", "--for=50ms")...)
		m, rate := <-joins, ""
		if m.MaxRate != nil {
			rate = fmt.Sprint(*m.MaxRate)
		}
		if rate != test.rate || m.Conflate != test.conflate {
			t.Errorf("%v: asked for %q and %q", test.args, rate, m.Conflate)
		}
	}
}

func TestSmallChangesAreCountedAndNotPrinted(t *testing.T) {
	url := joinServer(t, func(m protocol.ClientMessage) []protocol.ServerMessage {
		answers := []protocol.ServerMessage{{Type: protocol.TypeJoined, Rooms: []string{"A"}, ID: m.ID}}
		for i, price := range []string{"1.00", "1.05", "1.10", "1.19999", "1.199990", "1.20"} {
			ts := int64(i)
			answers = append(answers, protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: "A", Price: json.Number(price), TS: &ts, Snapshot: i == 0})
		}
		return answers
	})
	code, out, err := subscribeTo(t, url, "A", "--min-change=0.1", "--count=3")
	for _, price := range []string{"1.00,", "1.10,", "1.20,"} {
		if !strings.Contains(out, `"price":`+price) {
			t.Errorf("%s is not printed:\n%s", price, out)
		}
	}
	if code != cli.ExitDone || strings.Count(out, "\n") != 3 || !strings.Contains(err, "3 prices were not printed: less than --min-change") {
		t.Errorf("exit code %d, printed\n%s\nsaid\n%s", code, out, err)
	}
}

func TestWishesAreChecked(t *testing.T) {
	for want, args := range map[string][]string{
		"--max-rate must be 0 or a number from 0.01 to 1000, prices a second, not 0.001": {"--max-rate=0.001"},
		`--conflate must be behind or never, not "no"`:                                   {"--conflate=no"},
		"--conflate never refuses what --max-rate asks for: leave one out":               {"--conflate=never", "--max-rate=1"},
		`--min-change must be a number above 0, such as 0.01 or 0.5%, not "0%"`:          {"--min-change=0%"},
	} {
		if code, _, err := subscribeTo(t, "ws://127.0.0.1:1", append(args, "A")...); code != cli.ExitUsage || !strings.Contains(err, want) {
			t.Errorf("%v: exit code %d, said %s", args, code, err)
		}
	}
}
