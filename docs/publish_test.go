package docs_test

import (
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/cli/publish"
	"backbone/protocol"
)

// TestPublishExamples plays each example of publish.md: the command gets the lines, and consumers
// receive the events.
func TestPublishExamples(t *testing.T) {
	url := "ws://" + startServer(t).Addr().String()
	played := 0
	for _, s := range sections(t, "publish.md") {
		lines, commands, events := s.Blocks("lines"), s.Blocks("sh"), s.Blocks("events")
		if len(lines) != len(commands) || len(lines) != len(events) {
			t.Errorf("%s: %d lines, %d commands, %d events", s.Title, len(lines), len(commands), len(events))
			continue
		}
		for i := range lines {
			played++
			got := published(t, url, lines[i].Lines, strings.Join(commands[i].Lines, "\n"), len(events[i].Lines))
			// There is no order between rooms.
			want := slices.Clone(events[i].Lines)
			slices.SortStableFunc(got, byInstrument)
			slices.SortStableFunc(want, byInstrument)
			if !slices.Equal(got, want) {
				t.Errorf("publish.md:%d: consumers receive\n%s\nthe page says\n%s", commands[i].Line, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
	if played < 5 {
		t.Errorf("only %d examples are left", played)
	}
}

func byInstrument(a, b string) int {
	instrument := func(event string) string {
		_, rest, _ := strings.Cut(event, `"instrument":`)
		name, _, _ := strings.Cut(rest, ",")
		return name
	}
	return strings.Compare(instrument(a), instrument(b))
}

// published runs the command with the lines and returns n events that members receive.
func published(t *testing.T, url string, lines []string, command string, n int) (events []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends the loop below
	if err := conn.Join(ctx, "BTC", "ETH", "BTCUSDT", "ETHUSDT", "BTC-USD", "BTC_USDT", "ETH_USDT"); err != nil {
		t.Fatal(err)
	}

	// A shell cuts the command into words.
	_, command, found := strings.Cut(command, "backbone publish ")
	words, err := exec.CommandContext(ctx, "sh", "-c", "for a in "+withoutFiles(command)+`; do printf '%s\0' "$a"; done`).Output()
	if err != nil || !found {
		t.Fatalf("%s: %v", command, err)
	}
	args := append([]string{"--url", url}, strings.Split(strings.TrimSuffix(string(words), "\x00"), "\x00")...)
	var said strings.Builder
	in := strings.NewReader(strings.Join(lines, "\n") + "\n")
	if code := clitest.Run(ctx, t, &publish.Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, args...); code != cli.ExitDone {
		t.Errorf("%s: exit code %d\n%s", command, code, &said)
	}
	for e := range conn.Events() {
		if p, ok := e.(client.PriceUpdate); ok && !p.Snapshot {
			event := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: p.Instrument, Price: json.Number(p.Price), TS: &p.TS, Data: p.Data}
			if events = append(events, string(event.Append(nil))); len(events) == n {
				break
			}
		}
	}
	return events
}

// withoutFiles is a command that reads its standard input.
func withoutFiles(command string) string {
	command, _, _ = strings.Cut(command, " <")
	_, rest, named := strings.Cut(command, "--file ")
	if named {
		_, rest, _ = strings.Cut(rest, " ")
		command = rest
	}
	return command
}
