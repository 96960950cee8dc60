// Package common holds what the domains share: the Event that they return, the Domain
// interface that they implement, the parsed Object that they validate, and the coded errors
// that a client gets for bad input.
package common

import "backbone/protocol"

// Event is what a domain makes of a valid message: canonical, and ready to be routed.
type Event struct {
	Room    string // a valid room name
	Payload string // the message that the room's members receive, canonical JSON
}

// Domain validates one type of message and turns it into an Event. A Domain has no
// state and is safe for concurrent use by multiple goroutines.
type Domain interface {
	// Type is the value of "type" in the domain's messages.
	Type() string
	// Sender is the role that may send it.
	Sender() protocol.Role
	// RoomField is the field of a message that names its room, for errors about it.
	RoomField() string
	// MembersOnly reports whether the sender must have joined the room.
	MembersOnly() bool
	// State reports whether only the newest event of a room counts, as of a price. Otherwise
	// each one counts, as of a chat message.
	State() bool
	// Ends is the type of the values whose place its events take, because there are none any more;
	// "": its events are of its own type.
	Ends() string
	// Validate checks every field and returns the event. Its errors are of type *RequestError.
	Validate(*Object) (Event, error)
}

// RequestError says why a request is not carried out. The client is told, and the connection
// stays open.
type RequestError struct {
	Code    protocol.Code
	Message string // names the field and what was expected
}

func (e *RequestError) Error() string { return string(e.Code) + ": " + e.Message }
