package conformance_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"

	"backbone/internal/config"
	"backbone/internal/conformance"
	"backbone/internal/server/servertest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func vectors(t *testing.T) []conformance.Section {
	t.Helper()
	all, err := conformance.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// against returns what is played against an instance that was started with flags.
func against(t *testing.T, flags ...string) *conformance.Server {
	t.Helper()
	var cfg config.Serve
	parser, err := kong.New(&cfg)
	if err == nil {
		_, err = parser.Parse(append([]string{"--listen=127.0.0.1:0", "--admin-listen="}, flags...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return to(t, "ws://"+servertest.Start(t, func(c *config.Serve) { *c = cfg }).Addr().String())
}

func to(t *testing.T, url string) *conformance.Server {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	dial := conformance.NewDial(&http.Client{Transport: transport}, func(path string) string { return url + path },
		func(string) (http.Header, error) { return http.Header{}, nil })
	return &conformance.Server{Dial: dial, Wait: 10 * time.Second}
}

// Each section on an instance of its own, as the pages show it, with every text.
func TestVectors(t *testing.T) {
	for _, section := range vectors(t) {
		if section.Page == "docs/protocol.md" {
			continue // which the tests of the documents play
		}
		t.Run(section.Title, func(t *testing.T) {
			s := against(t, section.Flags()...)
			s.Texts = true
			if err := s.Play(t.Context(), section); err != nil {
				t.Error(err)
			}
		})
	}
}

// All sections on one instance that others use too: each keeps to names of its own, and nothing
// stays.
func TestVectorsOnOneServer(t *testing.T) {
	s := against(t)
	s.Retires = true
	played := 0
	for _, section := range vectors(t) {
		if len(section.Flags()) > 0 {
			continue
		}
		played++
		s.Prefix = "conformance.test." + string(rune('a'+played/26)) + string(rune('a'+played%26)) + "."
		if err := s.Play(t.Context(), section); err != nil {
			t.Errorf("%s: %v", section.Title, err)
		}
	}
	if played < 20 {
		t.Errorf("only %d sections were played", played)
	}
}

// What is played with a prefix names no other room.
func TestRenamedMessagesNameOnlyRoomsOfTheRun(t *testing.T) {
	const prefix = "conformance.1."
	messages := 0
	for _, section := range vectors(t) {
		for _, b := range section.Blocks("consumer", "ingestor") {
			for _, line := range b.Lines {
				var got []protocol.ClientMessage
				text := conformance.Rename(prefix, strings.SplitN(line, " ", 2)[1])
				if !strings.HasPrefix(text, "[") {
					text = "[" + text + "]"
				}
				if json.Unmarshal([]byte(text), &got) != nil { // which takes keys in any case
					continue // nor does a server route any of it
				}
				for _, m := range got {
					messages++
					for _, name := range append(m.Rooms, m.Room, m.Instrument) {
						if protocol.ValidRoom(name) && !strings.HasPrefix(name, prefix) {
							t.Errorf("%s:%d: %s names %q", section.Page, b.Line, text, name)
						}
					}
				}
			}
		}
	}
	if messages < 100 {
		t.Errorf("found only %d messages", messages)
	}
}

func TestWhatDiffersIsTold(t *testing.T) {
	for name, c := range map[string]struct{ page, want, got string }{
		"another answer": {"```consumer\n-> {\"type\":\"join\",\"room\":\"A\"}\n<- {\"type\":\"joined\",\"room\":\"B\"}\n```", `{"type":"joined","room":"B"}`, `{"type":"joined","room":"A"}`},
		"another price":  {"```ingestor\n-> {\"type\":\"price_update\",\"instrument\":\"A\",\"price\":1.10,\"ts\":1}\n=> {\"type\":\"price_update\",\"instrument\":\"A\",\"price\":1.1,\"ts\":1}\n```", `{"type":"price_update","instrument":"A","price":1.1,"ts":1}`, `{"type":"price_update","instrument":"A","price":1.10,"ts":1}`},
		"another code":   {"```consumer\n-> {\n<- {\"type\":\"error\",\"code\":\"forbidden\",\"message\":\"\"}\n```", `{"type":"error","code":"forbidden","message":""}`, `{"type":"error","code":"invalid_json","message":"not valid JSON: unexpected end at byte 1"}`},
		"one more":       {"```consumer\n-> {\"type\":\"ping\"}\n-> {\"type\":\"ping\"}\n<- {\"type\":\"pong\",\"ts\":1710000000123}\n```", `{"type":"pong","id":"end","ts":1710000000123}`, `{"type":"pong","ts":`},
		"nothing":        {"```ingestor\n-> {\"type\":\"price_update\",\"instrument\":\"A\",\"price\":1,\"ts\":1}\n<- {\"type\":\"ack\"}\n```", `{"type":"ack"}`, "nothing within 2s"},
		"no close":       {"```consumer\n-> {\"type\":\"ping\"}\n<- close 1003\n```", "close 1003", `{"type":"pong","ts":`},
		"no version":     {"```handshake\n-> /ws backbone.v0\n<- 101 backbone.v0\n```", "101 backbone.v0", "101"},
	} {
		t.Run(name, func(t *testing.T) {
			sections, err := conformance.Page("page", c.page)
			if err != nil {
				t.Fatal(err)
			}
			s := against(t)
			if c.got == "nothing within 2s" {
				s.Wait = 2 * time.Second // which bounds the handshake, too
			}
			err = s.Play(t.Context(), sections[0])
			f, ok := errors.AsType[*conformance.MismatchError](err)
			if !ok || f.Want != c.want || !strings.HasPrefix(f.Got, c.got) || f.Line != 1 {
				t.Errorf("it says %v", err)
			}
		})
	}
}
