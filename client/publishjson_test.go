package client

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"backbone/protocol"
)

func TestPublishJSON(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	type book struct {
		Type string        `json:"type"`
		Room string        `json:"room"`
		Bid  json.Number   `json:"bid"`
		Note string        `json:"note,omitempty"`
		Asks []json.Number `json:"asks,omitempty"`
	}
	publish := func(event any) {
		t.Helper()
		if err := in.PublishJSON(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	for want, event := range map[string]any{
		`{"type":"book","room":"A","bid":1.10,"note":"<&>"}`: book{Type: "book", Room: "A", Bid: "1.10", Note: "<&>"},
		`{"type":"book","bid":1e0}`:                          json.RawMessage(` { "type":"book", "bid":1e0 } `),
		`{"n":1,"type":"x"}`:                                 map[string]any{"type": "x", "n": 1},
	} {
		publish(event)
		if got := p.readText(); got != want {
			t.Errorf("server got %s, want %s", got, want)
		}
	}
	async(t, func() {
		m := p.expect("book")
		p.answer(protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID})
		m = p.expect("book")
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, ID: m.ID, Code: protocol.CodeUnknownType, Message: "type: book"})
	})
	if err := in.PublishJSONAck(patient(t), book{Type: "book"}); err != nil {
		t.Error(err)
	}
	pending, err := in.PublishJSONAsync(t.Context(), book{Type: "book"})
	if err != nil {
		t.Fatal(err)
	}
	if refused, ok := errors.AsType[*RequestError](pending.Wait(patient(t))); !ok || refused.Code != CodeUnknownType {
		t.Errorf("Wait: %v", refused)
	}
}

func TestPublishJSONChecksTheFormAlone(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	for name, c := range map[string]struct {
		event any
		code  Code
		text  string
	}{
		"no JSON":   {func() {}, CodeInvalidJSON, "cannot be encoded"},
		"bad raw":   {json.RawMessage(`{"type":`), CodeInvalidJSON, "cannot be encoded"},
		"no UTF-8":  {json.RawMessage("{\"type\":\"x\",\"n\":\"\xff\"}"), CodeInvalidJSON, "must be JSON in UTF-8"},
		"half pair": {json.RawMessage(`{"type":"x","n":"\ud83d"}`), CodeInvalidJSON, "must be JSON in UTF-8"},
		"array":     {[]int{1}, CodeInvalidJSON, "must be a JSON object, got [1]"},
		"null":      {nil, CodeInvalidJSON, "must be a JSON object, got null"},
		"no type":   {map[string]int{"a": 1}, CodeInvalidEvent, "type: "},
		"type":      {map[string]int{"type": 1}, CodeInvalidEvent, "type: expected the name of the event's type, got 1"},
		"id":        {map[string]string{"type": "x", "id": "1"}, CodeUnknownField, "id: "},
		"too large": {map[string]string{"type": "x", "n": strings.Repeat("x", protocol.MaxMessageBytes)}, CodeInvalidEvent, "expected at most 65536"},
	} {
		err := in.PublishJSON(t.Context(), c.event)
		if refused, ok := errors.AsType[*RequestError](err); !ok || refused.Code != c.code || !strings.Contains(refused.Message, c.text) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := in.PublishJSONAsync(t.Context(), c.event); err == nil {
			t.Errorf("%s: PublishJSONAsync took it", name)
		}
		if err := in.PublishJSONAck(t.Context(), c.event); err == nil {
			t.Errorf("%s: PublishJSONAck took it", name)
		}
	}
	async(t, func() { p.pong() }) // nothing else was sent
	if _, err := in.Ping(patient(t)); err != nil {
		t.Fatal(err)
	}
}
