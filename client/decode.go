package client

import (
	"bytes"
	"time"

	"backbone/protocol"
)

// parseEvent is the fast path of PriceUpdate and Conflated, the most frequent messages. rooms
// gives known names of rooms and epochs without an allocation. A message that parseEvent does not
// accept is left to encoding/json, with the same result.
func parseEvent(b []byte, rooms *joinedRooms) (Event, bool) {
	if p, ok := protocol.ScanPriceUpdate(b); ok {
		instrument, ok := name(p.Instrument, rooms.names)
		if !ok {
			return nil, false
		}
		u := PriceUpdate{Instrument: instrument, Price: Price(p.Price), TS: p.TS, Snapshot: p.Snapshot}
		if p.Data != nil {
			u.Data = bytes.Clone(p.Data)
		}
		if p.Epoch != nil {
			u.Stamp = newStamp(rooms.counts[instrument].epoch(p.Epoch), p.Seq, p.At, p.AgeMS)
		}
		return u, true
	}
	if room, skipped, ok := protocol.ScanConflated(b); ok {
		if room, ok := name(room, rooms.names); ok {
			return Conflated{Room: room, Skipped: skipped}, true
		}
	}
	return nil, false
}

func newStamp(epoch string, seq uint64, at, ageMS int64) *Stamp {
	return &Stamp{Epoch: epoch, Seq: seq, At: time.UnixMilli(at), Age: time.Duration(ageMS) * time.Millisecond}
}

// name is b as a string, if it is a valid name of a room.
func name(b []byte, names map[string]string) (string, bool) {
	if s, ok := names[string(b)]; ok {
		return s, true
	}
	return string(b), protocol.ValidRoom(b)
}

// toEvent is what the program receives of m, which was read from raw. It is nil for
// replies to requests.
func toEvent(m *protocol.ServerMessage, raw []byte) Event {
	switch m.Type {
	case protocol.TypePriceUpdate:
		if m.Instrument != "" && m.Price != "" && m.TS != nil && (m.Data == nil || m.Data[0] == '{') {
			return PriceUpdate{Instrument: m.Instrument, Price: Price(m.Price), TS: *m.TS, Data: m.Data, Snapshot: m.Snapshot, Stamp: stampOf(m)}
		}
	case protocol.TypeRetired:
		if m.Instrument != "" {
			return Retired{Instrument: m.Instrument, Snapshot: m.Snapshot, Stamp: stampOf(m)}
		}
	case protocol.TypeMessage:
		if text, ok := protocol.TextOf(m.Data); ok && m.Room != "" {
			return ChatMessage{Room: m.Room, Text: text}
		}
	case protocol.TypeConflated:
		if m.Room != "" {
			return Conflated{Room: m.Room, Skipped: m.Skipped}
		}
	case protocol.TypeLost:
		if m.Room != "" {
			return Lost{Room: m.Room, Messages: m.Messages}
		}
	case protocol.TypeNoSnapshot:
		if m.Room != "" {
			return NoSnapshot{Room: m.Room}
		}
	case protocol.TypeStatus:
		if e := toStatus(m); e != nil {
			return e
		}
	case protocol.TypeHeartbeat:
		return Heartbeat{At: time.UnixMilli(m.At)}
	case protocol.TypeJoined, protocol.TypeLeft, protocol.TypeRooms, protocol.TypePong, protocol.TypeAuthenticated, protocol.TypeAck, protocol.TypeError:
		return nil
	}
	return Unknown{Type: m.Type, Raw: bytes.Clone(raw)}
}

// stampOf is the stamp of a price, nil if it has none.
func stampOf(m *protocol.ServerMessage) *Stamp {
	if m.Epoch == "" {
		return nil
	}
	var age int64
	if m.AgeMS != nil {
		age = *m.AgeMS
	}
	return newStamp(m.Epoch, m.Seq, m.At, age)
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
