package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/protocol"
)

// checkUpdate finds what a server would reject, because its reply could not be told from
// those to other events.
func checkUpdate(u *PriceUpdate) *RequestError {
	if fault := protocol.RoomFault(u.Instrument); fault != "" {
		return invalid(protocol.CodeInvalidRoom, "instrument: %q %s", clip(u.Instrument), fault)
	}
	p := string(u.Price)
	if !protocol.ValidNumber(p) || len(p) > protocol.MaxPriceLength {
		return invalid(protocol.CodeInvalidEvent, "price: %q, expected a JSON number of at most %d characters", clip(p), protocol.MaxPriceLength)
	}
	if fault := protocol.PriceFault(p); fault != "" {
		return invalid(protocol.CodeInvalidEvent, "price: %s %s", p, fault)
	}
	if u.TS < 0 {
		return invalid(protocol.CodeInvalidEvent, "ts: %d, expected 0 ... 2^63-1", u.TS)
	}
	if len(u.Data) > 0 {
		return checkData(u.Data)
	}
	return nil
}

func checkData(data json.RawMessage) *RequestError {
	if len(data) > protocol.MaxDataBytes {
		return invalid(protocol.CodeInvalidEvent, "data: %d bytes, expected at most %d", len(data), protocol.MaxDataBytes)
	}
	if data[0] != '{' || !serverReads(data) {
		return invalid(protocol.CodeInvalidEvent, "data: %q, expected a JSON object", clip(string(data)))
	}
	if depth := protocol.Depth([]byte(data)); depth > protocol.MaxDataDepth {
		return invalid(protocol.CodeInvalidEvent, "data: nested %d deep, expected at most %d", depth, protocol.MaxDataDepth)
	}
	return nil
}

// serverReads reports whether a server accepts the text as JSON. It is stricter than
// encoding/json: a server closes the connection for invalid UTF-8, and a message with half of
// a surrogate pair is an error without the id that a call waits for.
func serverReads(text []byte) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
}

func clip(s string) string {
	const shown = 80
	if len(s) > shown {
		return s[:shown] + "..."
	}
	return s
}

// smallUpdate is the size of all but extreme messages without data, bytes.
const smallUpdate = 112

const maxUpdateBytes = len(`{"type":"price_update","instrument":"","price":,"ts":,"data":,"id":""}`) +
	protocol.MaxRoomLength + protocol.MaxPriceLength + 20 + 20

// appendUpdate appends the message of a checked update; id 0 is none.
func appendUpdate(b []byte, u *PriceUpdate, id uint64) []byte {
	var short [20]byte
	ts := strconv.AppendInt(short[:0], u.TS, 10)
	b = protocol.AppendPriceUpdate(b, u.Instrument, string(u.Price), string(ts), string(u.Data))
	if id == 0 {
		return b
	}
	return append(appendID(b[:len(b)-1], id), '}')
}

// encodeEvent returns the message of an event without an id. Its error is a *RequestError.
func encodeEvent(event any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(event); err != nil {
		return nil, invalid(CodeInvalidJSON, "the event cannot be encoded: %v", err)
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !serverReads(data) { // a json.RawMessage may hold more than encoding/json writes itself
		return nil, invalid(CodeInvalidJSON, "the event must be JSON in UTF-8 without half surrogate pairs, got %q", clip(string(data)))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, invalid(CodeInvalidJSON, "the event must be a JSON object, got %s", clip(string(data)))
	}
	var kind string
	if json.Unmarshal(fields["type"], &kind) != nil || kind == "" {
		return nil, invalid(CodeInvalidEvent, "type: expected the name of the event's type, got %s", clip(string(fields["type"])))
	}
	if _, has := fields["id"]; has {
		return nil, invalid(CodeUnknownField, "id: expected none, the client sets it")
	}
	if n := len(data) + maxIDField; n > protocol.MaxMessageBytes {
		return nil, invalid(CodeInvalidEvent, "the event: %d bytes with an id, expected at most %d", n, protocol.MaxMessageBytes)
	}
	return data, nil
}

const maxIDField = len(`,"id":"18446744073709551615"`)

// withID returns a copy of the object data with id as its last field.
func withID(data []byte, id uint64) []byte {
	b := make([]byte, 0, len(data)+maxIDField)
	b = append(b, data[:len(data)-1]...)
	return append(appendID(b, id), '}')
}

// appendID appends the field of an id, if id is one.
func appendID(b []byte, id uint64) []byte {
	if id == 0 {
		return b
	}
	b = append(b, `,"id":"`...)
	b = strconv.AppendUint(b, id, 10)
	return append(b, '"')
}

// encode writes any other request. It escapes only what JSON requires, because a chat text can
// be long and a message has a limit.
func encode(m any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic("client: a request cannot be encoded: " + err.Error()) // no request of this package has a bad Price or Data
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func encodeChat(room, text string, id uint64) []byte {
	return encode(protocol.ClientMessage{Type: protocol.TypeMessage, Room: room, Data: protocol.Text(text), ID: strconv.FormatUint(id, 10)})
}

// splitRooms cuts rooms into parts whose join messages with these options stay inside the size
// limit.
func (s *session) splitRooms(rooms []string, opt JoinOptions) [][]string {
	overhead := len(s.encodeJoin([]string{""}, opt, false, math.MaxUint64)) // an empty list would be left out
	var parts [][]string
	start, size := 0, overhead
	for i, r := range rooms {
		n := len(r) + len(`"",`)
		if size+n > protocol.MaxMessageBytes {
			parts = append(parts, rooms[start:i])
			start, size = i, overhead
		}
		size += n
	}
	if start < len(rooms) {
		parts = append(parts, rooms[start:])
	}
	return parts
}

// inMessages returns joins of rooms by their options, each of which fits into a message.
func (s *session) inMessages(groups map[JoinOptions][]string) (joins []rejoin) {
	byFirst := func(a, b JoinOptions) int { return cmp.Compare(groups[a][0], groups[b][0]) }
	for _, opt := range slices.SortedFunc(maps.Keys(groups), byFirst) {
		for _, part := range s.splitRooms(groups[opt], opt) {
			joins = append(joins, rejoin{rooms: part, options: opt})
		}
	}
	return joins
}

// encodeJoin also asks for marks and heartbeats, unless it is to be plain.
func (s *session) encodeJoin(rooms []string, opt JoinOptions, plain bool, id uint64) []byte {
	m := s.joinMessage(opt, plain, id)
	m.Rooms = rooms
	return encode(m)
}

func (s *session) joinMessage(opt JoinOptions, plain bool, id uint64) protocol.ClientMessage {
	m := protocol.ClientMessage{
		Type: protocol.TypeJoin, ID: strconv.FormatUint(id, 10),
		MarkEmpty: opt.MarkEmpty, Status: opt.Status, SilentAfterMS: opt.SilentAfter.Milliseconds(), Stamp: opt.Stamp, Conflate: string(opt.Conflate),
	}
	if rate := max(opt.MaxRate, 0); opt.MaxRate != 0 {
		m.MaxRate = &rate
	}
	if !plain {
		m.Marks, m.HeartbeatMS = true, s.opt.heartbeat.Milliseconds()
	}
	return m
}

// check returns an error for options that a server would refuse.
func (o *JoinOptions) check() error {
	switch {
	case o.SilentAfter < 0 || o.SilentAfter%time.Millisecond != 0:
		return invalid(protocol.CodeInvalidEvent, "JoinOptions.SilentAfter: %v, expected a positive number of whole milliseconds", o.SilentAfter)
	case o.MaxRate != 0 && o.MaxRate != NoMaxRate && !(o.MaxRate >= protocol.MinRate && o.MaxRate <= protocol.MaxRate):
		return invalid(protocol.CodeInvalidEvent, "JoinOptions.MaxRate: %v, expected a number from %v to %v", o.MaxRate, protocol.MinRate, protocol.MaxRate)
	case o.Conflate != "" && o.Conflate != ConflateBehind && o.Conflate != ConflateNever:
		return invalid(protocol.CodeInvalidEvent, "JoinOptions.Conflate: %q, expected %q or %q", o.Conflate, ConflateBehind, ConflateNever)
	case o.Conflate == ConflateNever && o.MaxRate > 0:
		return invalid(protocol.CodeInvalidEvent, "JoinOptions.Conflate: %q refuses what MaxRate asks for", o.Conflate)
	}
	return nil
}

// reduced are the options that a server of any age knows.
func (o JoinOptions) reduced() JoinOptions {
	return JoinOptions{MarkEmpty: o.MarkEmpty, Status: o.Status}
}

// settled are the options with which a room is joined again.
func (o JoinOptions) settled() JoinOptions {
	o.MaxRate = max(o.MaxRate, 0)
	if o.Conflate == ConflateBehind {
		o.Conflate = ""
	}
	return o
}

// change takes from a later join what a server changes. It reports whether all that the join asks for is as it
// asks.
func (o *JoinOptions) change(later JoinOptions) bool {
	o.Stamp = o.Stamp || later.Stamp
	if later.Conflate != "" {
		if o.Conflate = later.Conflate; later.Conflate == ConflateNever {
			o.MaxRate = 0
		}
	}
	if later.MaxRate != 0 {
		if o.MaxRate = later.MaxRate; later.MaxRate > 0 {
			o.Conflate = ""
		}
	}
	*o = o.settled()
	later.MaxRate, later.Conflate = o.MaxRate, o.Conflate // as it asks, or it does not ask
	none := JoinOptions{MaxRate: o.MaxRate, Conflate: o.Conflate}
	return *o == later || later == none
}

// checkRoom returns nil if a room may have this name.
func checkRoom(room string) *RequestError {
	if fault := protocol.RoomFault(room); fault != "" {
		return invalid(protocol.CodeInvalidRoom, "room: %q %s", clip(room), fault)
	}
	return nil
}

func checkChat(room, text string) *RequestError {
	if err := checkRoom(room); err != nil {
		return err
	}
	if len(text) > protocol.MaxChatBytes {
		return invalid(protocol.CodeInvalidEvent, "data: %d bytes, expected at most %d", len(text), protocol.MaxChatBytes)
	}
	if !utf8.ValidString(text) {
		return invalid(protocol.CodeInvalidEvent, "data: expected valid UTF-8")
	}
	const longest = len(`\u0001`) // that one byte becomes
	if len(text) <= protocol.MaxMessageBytes/longest-256 {
		return nil
	}
	if n := len(encodeChat(room, text, math.MaxUint64)); n > protocol.MaxMessageBytes {
		return invalid(protocol.CodeInvalidEvent, "data: %d bytes once its control characters are escaped, expected a message of at most %d", n, protocol.MaxMessageBytes)
	}
	return nil
}
