package publish

import (
	"bytes"
	"encoding/json"
	"time"

	"backbone/protocol"
)

// recorded is a line of a recording: {"received":<ms>,"event":{..}} as record writes it, or an event with
// the key received, as subscribe --timestamps does.
type recorded struct {
	Type     string          `json:"type"`
	Received *int64          `json:"received"`
	Event    json.RawMessage `json:"event"`
}

// ofRecording are the keys that a recorded price can have in addition to its own.
var ofRecording = []string{"received", "snapshot", "epoch", "seq", "at", "age_ms"}

// unwrap returns the price in a line of a recording, and false for a line of one that has none: a
// message, or what became of the connection. Any other line it returns as it is.
func (r *eventReader) unwrap(text []byte) (event []byte, is bool) {
	r.received, r.recorded = time.Time{}, false
	if !bytes.Contains(text, []byte(`"received"`)) {
		return text, true
	}
	var line recorded
	if json.Unmarshal(text, &line) != nil || line.Received == nil {
		return text, true // the parser says what is wrong with it
	}
	r.received, r.recorded = time.UnixMilli(*line.Received), true
	if line.Event == nil {
		return text, line.Type == protocol.TypePriceUpdate
	}
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(line.Event, &kind) != nil {
		return line.Event, true
	}
	return line.Event, kind.Type == protocol.TypePriceUpdate
}
