package client

import (
	"bytes"
	"encoding/json"
	"time"

	"backbone/protocol"
)

// The messages that come in numbers, as servers write them: this key order, no blanks.
// Whatever differs is left to encoding/json, with the same result.
const (
	pricePrefix     = `{"type":"price_update","instrument":"`
	conflatedPrefix = `{"type":"conflated","room":"`
	ackPrefix       = `{"type":"ack","id":"`
)

// parseEvent is the fast path of PriceUpdate and Conflated. names gives known room
// names without an allocation.
func parseEvent(b []byte, names map[string]string) (Event, bool) {
	if rest, ok := after(b, pricePrefix); ok {
		if u, ok := parsePrice(rest, names); ok {
			return u, true
		}
		return nil, false
	}
	if rest, ok := after(b, conflatedPrefix); ok {
		if c, ok := parseConflated(rest, names); ok {
			return c, true
		}
	}
	return nil, false
}

func parsePrice(b []byte, names map[string]string) (u PriceUpdate, ok bool) {
	if u.Instrument, b, ok = name(b, names); !ok {
		return u, false
	}
	if b, ok = after(b, `,"price":`); !ok {
		return u, false
	}
	n := numberLen(b)
	if n == 0 {
		return u, false
	}
	price := b[:n]
	if b, ok = after(b[n:], `,"ts":`); !ok {
		return u, false
	}
	ts, b, ok := integer(b)
	if !ok {
		return u, false
	}
	switch string(b) {
	case `}`:
	case `,"snapshot":true}`:
		u.Snapshot = true
	default:
		return u, false
	}
	u.Price, u.TS = json.Number(price), int64(ts)
	return u, true
}

func parseConflated(b []byte, names map[string]string) (c Conflated, ok bool) {
	if c.Room, b, ok = name(b, names); !ok {
		return c, false
	}
	if b, ok = after(b, `,"skipped":`); !ok {
		return c, false
	}
	c.Skipped, b, ok = integer(b)
	return c, ok && string(b) == `}`
}

// parseAck is the fast path of the acks to this client's own ids.
func parseAck(b []byte) (id uint64, ok bool) {
	if b, ok = after(b, ackPrefix); !ok {
		return 0, false
	}
	id, b, ok = integer(b)
	return id, ok && string(b) == `"}`
}

func after(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// name takes a room name and its closing quote.
func name(b []byte, names map[string]string) (string, []byte, bool) {
	i := bytes.IndexByte(b, '"')
	if i < 0 {
		return "", b, false
	}
	if s, ok := names[string(b[:i])]; ok {
		return s, b[i+1:], true
	}
	if !protocol.ValidRoom(b[:i]) {
		return "", b, false
	}
	return string(b[:i]), b[i+1:], true
}

// integer takes a natural number of up to 18 digits, as JSON writes it.
func integer(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if i == 18 {
			return 0, b, false
		}
		n = n*10 + uint64(b[i]-'0')
	}
	if i == 0 || i > 1 && b[0] == '0' {
		return 0, b, false
	}
	return n, b[i:], true
}

// numberLen is the length of the JSON number (RFC 8259, section 6) that s begins with,
// 0 if there is none.
func numberLen[S string | []byte](s S) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := i
	if i = digits(i); i == whole || s[whole] == '0' && i > whole+1 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		fraction := i + 1
		if i = digits(fraction); i == fraction {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(i); i == exponent {
			return 0
		}
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// toEvent is what the program receives of m, which was read from raw. It is nil for
// answers to requests.
func toEvent(m *protocol.ServerMessage, raw []byte) Event {
	switch m.Type {
	case protocol.TypePriceUpdate:
		if m.Instrument != "" && m.Price != "" && m.TS != nil {
			return PriceUpdate{Instrument: m.Instrument, Price: m.Price, TS: *m.TS, Snapshot: m.Snapshot}
		}
	case protocol.TypeMessage:
		if m.Room != "" && m.Data != nil {
			return ChatMessage{Room: m.Room, Text: *m.Data}
		}
	case protocol.TypeConflated:
		if m.Room != "" {
			return Conflated{Room: m.Room, Skipped: m.Skipped}
		}
	case protocol.TypeNoSnapshot:
		if m.Room != "" {
			return NoSnapshot{Room: m.Room}
		}
	case protocol.TypeStatus:
		if e := toStatus(m); e != nil {
			return e
		}
	case protocol.TypeJoined, protocol.TypeLeft, protocol.TypePong, protocol.TypeAck, protocol.TypeError:
		return nil
	}
	return Unknown{Type: m.Type, Raw: bytes.Clone(raw)}
}

// toStatus is nil for a status that this version does not know.
func toStatus(m *protocol.ServerMessage) Event {
	since := time.UnixMilli(m.Since)
	switch {
	case m.Room != "" && (m.Feed == protocol.FeedSilent || m.Feed == protocol.FeedLive):
		return FeedStatus{Room: m.Room, Silent: m.Feed == protocol.FeedSilent, Since: since}
	case m.Bridge == protocol.BridgeOK || m.Bridge == protocol.BridgeDegraded:
		return BridgeStatus{OK: m.Bridge == protocol.BridgeOK, Since: since}
	}
	return nil
}

func toError(m *protocol.ServerMessage) *RequestError {
	e := &RequestError{Code: m.Code, Message: m.Message, ID: m.ID, Index: -1}
	if m.Index != nil {
		e.Index = *m.Index
	}
	return e
}
