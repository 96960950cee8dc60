package protocol

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Append appends m as the server writes it: keys in the order of the struct, no
// blanks, characters outside ASCII and HTML's as themselves (but for U+2028 and U+2029,
// which JavaScript once took for the end of a line).
func (m ServerMessage) Append(dst []byte) []byte {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic("protocol: a server message can not be encoded: " + err.Error()) // only a Price that is no number does that
	}
	out := buf.Bytes()
	return out[:len(out)-1] // Encode ends with a newline
}

// Conflated is the notice that skipped live events of room were left out.
func Conflated(room string, skipped uint64) string {
	b := make([]byte, 0, len(`{"type":"conflated","room":"","skipped":}`)+len(room)+20)
	b = append(b, `{"type":"conflated","room":"`...)
	b = append(b, room...) // a valid room needs no escape
	b = append(b, `","skipped":`...)
	b = strconv.AppendUint(b, skipped, 10)
	return string(append(b, '}'))
}

// NoSnapshot tells a joiner that no last price of room is known.
func NoSnapshot(room string) string {
	return `{"type":"no_snapshot","room":"` + room + `"}`
}

// FeedStatus tells that a room's feed is silent, or live again, since a time in Unix
// milliseconds.
func FeedStatus(room string, silent bool, since int64) string {
	feed := FeedLive
	if silent {
		feed = FeedSilent
	}
	return `{"type":"status","room":"` + room + `","feed":"` + feed + `","since":` + strconv.FormatInt(since, 10) + `}`
}

// BridgeStatus tells that an instance's link to the others works, or does not, since a
// time in Unix milliseconds.
func BridgeStatus(ok bool, since int64) string {
	bridge := BridgeDegraded
	if ok {
		bridge = BridgeOK
	}
	return `{"type":"status","bridge":"` + bridge + `","since":` + strconv.FormatInt(since, 10) + `}`
}

// MarkSnapshot returns the event with "snapshot":true as its last key. The event
// must be an object as this protocol's servers write it.
func MarkSnapshot(event string) string {
	return event[:len(event)-1] + `,"snapshot":true}`
}
