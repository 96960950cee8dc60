// Package chat is the domain of messages between the members of a room.
package chat

import (
	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// Message is the domain of "message": a text to all members of a room, each of which
// counts.
type Message struct {
	Off bool // none is taken
}

// Type is "message".
func (Message) Type() string { return protocol.TypeMessage }

// Sender is the consumer.
func (Message) Sender() protocol.Role { return protocol.Consumer }

// RoomField is "room".
func (Message) RoomField() string { return "room" }

// MembersOnly is true: a client that sends to a room also receives from it.
func (Message) MembersOnly() bool { return true }

// State is false: every message counts.
func (Message) State() bool { return false }

// Ends is "": a message takes no value's place.
func (Message) Ends() string { return "" }

// The text of an event around its values.
const (
	openRoom = `{"type":"` + protocol.TypeMessage + `","room":"`
	openData = `","data":`
)

// Validate returns the message with room and data. It escapes only what JSON requires. Of
// several mistakes it reports an unknown field first, then room, then data.
func (m Message) Validate(obj *common.Object) (common.Event, error) {
	if m.Off {
		return common.Event{}, common.Errorf(protocol.CodeForbidden, "type: this server takes no chat messages")
	}
	if err := obj.Only("room", "data"); err != nil {
		return common.Event{}, err
	}
	room, err := obj.Room("room")
	if err != nil {
		return common.Event{}, err
	}
	data, present, err := obj.Text("data")
	switch {
	case err != nil:
		return common.Event{}, err
	case !present:
		return common.Event{}, common.Required("data")
	case len(data) > protocol.MaxChatBytes:
		return common.Event{}, common.Errorf(protocol.CodeInvalidEvent, "data: must have at most %d bytes, got %d",
			protocol.MaxChatBytes, len(data))
	}
	payload, err := Payload(string(room), data)
	if err != nil {
		return common.Event{}, common.Errorf(protocol.CodeInvalidEvent, "data: must be UTF-8: %v", err)
	}
	return common.Event{Room: payload[len(openRoom):][:len(room)], Payload: payload}, nil
}

// Payload is the text of a message as the server writes it. The error is that text is not UTF-8.
func Payload[S string | []byte](room string, text S) (string, error) {
	var short [512]byte // most messages need no more
	quoted, err := jsontext.AppendQuote(short[:0], text)
	if err != nil {
		return "", err
	}
	return openRoom + room + openData + string(quoted) + "}", nil // one allocation
}
