package protocol

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Append appends m as the server writes it: keys in the order of the struct, without blanks,
// and with only those characters escaped that JSON requires, plus U+2028 and U+2029. It panics
// if Price is not a number or Data is not JSON.
func (m ServerMessage) Append(dst []byte) []byte {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic("protocol: a server message cannot be encoded: " + err.Error()) // its Price is not a number, or its Data is not JSON
	}
	out := buf.Bytes()
	return out[:len(out)-1] // Encode ends with a newline
}

// The text of a conflated notice around its values.
const (
	conflatedOpen = `{"type":"` + TypeConflated + `","room":"`
	skippedKey    = `","skipped":`
)

// Conflated is the notice that skipped live events of room were left out.
func Conflated(room string, skipped uint64) string {
	b := make([]byte, 0, len(conflatedOpen)+len(room)+len(skippedKey)+len(`18446744073709551615}`))
	b = append(b, conflatedOpen...)
	b = append(b, room...) // a valid room needs no escape
	b = append(b, skippedKey...)
	b = strconv.AppendUint(b, skipped, 10)
	return string(append(b, '}'))
}

// Lost is the notice that messages of room were lost.
func Lost(room string, messages uint64) string {
	return `{"type":"` + TypeLost + `","room":"` + room + `","messages":` + strconv.FormatUint(messages, 10) + `}`
}

const retiredOpen = `{"type":"` + TypeRetired + `","instrument":"`

// Retired is the event that an instrument has no price any more.
func Retired(instrument string) string { return retiredOpen + instrument + `"}` }

// IsRetired reports whether an event, as servers write it, is one that [Retired] made.
func IsRetired(event string) bool { return strings.HasPrefix(event, retiredOpen) }

// NoSnapshot tells a joiner that no last price of room is known.
func NoSnapshot(room string) string {
	return `{"type":"no_snapshot","room":"` + room + `"}`
}

// FeedStatus says that a room's feed is silent, or live again, since a time in Unix
// milliseconds.
func FeedStatus(room string, silent bool, since int64) string {
	feed := FeedLive
	if silent {
		feed = FeedSilent
	}
	return `{"type":"status","room":"` + room + `","feed":"` + feed + `","since":` + strconv.FormatInt(since, 10) + `}`
}

// BridgeStatus says that an instance's bridge to the others works, or does not, since a time in
// Unix milliseconds.
func BridgeStatus(ok bool, since int64) string {
	bridge := BridgeDegraded
	if ok {
		bridge = BridgeOK
	}
	return `{"type":"status","bridge":"` + bridge + `","since":` + strconv.FormatInt(since, 10) + `}`
}

// Text is s as the data of a message: a JSON string, escaped no more than by
// [ServerMessage.Append].
func Text(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// TextOf returns the text that the data of a message holds. ok is false if data is not a
// JSON string.
func TextOf(data json.RawMessage) (text string, ok bool) {
	if len(data) == 0 || data[0] != '"' || json.Unmarshal(data, &text) != nil {
		return "", false
	}
	return text, true
}
