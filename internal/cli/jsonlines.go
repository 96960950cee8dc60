package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/human"
	"backbone/protocol"
)

// JSONLine is the event as the server's message, with the end of a line. It is nil for an
// event that is not a message of a room or of its status.
func JSONLine(e client.Event) []byte {
	var m protocol.ServerMessage
	switch e := e.(type) {
	case client.PriceUpdate:
		m = protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: e.Instrument, Price: json.Number(e.Price), TS: &e.TS, Data: e.Data, Snapshot: e.Snapshot}
	case client.Retired:
		m = protocol.ServerMessage{Type: protocol.TypeRetired, Instrument: e.Instrument, Snapshot: e.Snapshot}
	case client.ChatMessage:
		m = protocol.ServerMessage{Type: protocol.TypeMessage, Room: e.Room, Data: protocol.Text(e.Text)}
	case client.Conflated:
		m = protocol.ServerMessage{Type: protocol.TypeConflated, Room: e.Room, Skipped: e.Skipped}
	case client.Lost:
		m = protocol.ServerMessage{Type: protocol.TypeLost, Room: e.Room, Messages: e.Messages}
	case client.NoSnapshot:
		m = protocol.ServerMessage{Type: protocol.TypeNoSnapshot, Room: e.Room}
	case client.FeedStatus:
		m = protocol.ServerMessage{Type: protocol.TypeStatus, Room: e.Room, Feed: feedWord(e.Silent), Since: e.Since.UnixMilli()}
	case client.BridgeStatus:
		m = protocol.ServerMessage{Type: protocol.TypeStatus, Bridge: linkWord(e.OK), Since: e.Since.UnixMilli()}
	case client.Unknown:
		return append([]byte(strings.ReplaceAll(string(e.Raw), "\n", " ")), '\n')
	default:
		return nil
	}
	return append(m.Append(nil), '\n')
}

// ConnectionLine says in a line of JSON what no message of the server can: that the connection was
// lost at now, that it is back, and what was missed meanwhile. It is nil for any other event.
func ConnectionLine(e client.Event, now time.Time) []byte {
	var line any
	switch e := e.(type) {
	case client.Disconnected:
		line = struct {
			Type  string `json:"type"`
			At    int64  `json:"at"`
			Error string `json:"error"`
		}{"disconnected", now.UnixMilli(), human.Error(e.Err)}
	case client.Rejoined:
		line = struct {
			Type     string              `json:"type"`
			At       int64               `json:"at"`
			Rejected []protocol.Rejected `json:"rejected,omitempty"`
		}{"rejoined", now.UnixMilli(), e.Rejected}
	case client.Missed:
		line = struct {
			Type   string `json:"type"`
			Room   string `json:"room"`
			Events uint64 `json:"events"`
			Exact  bool   `json:"exact"`
		}{"missed", e.Room, e.Events, e.Exact}
	default:
		return nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(line) != nil {
		return nil // text and numbers can always be encoded
	}
	return b.Bytes()
}

func feedWord(silent bool) string {
	if silent {
		return protocol.FeedSilent
	}
	return protocol.FeedLive
}

func linkWord(ok bool) string {
	if ok {
		return protocol.BridgeOK
	}
	return protocol.BridgeDegraded
}
