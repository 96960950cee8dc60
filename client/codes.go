package client

import "backbone/protocol"

// The types in errors are aliases of those in package protocol, so a program needs one import
// and can compare values of both packages.
type (
	// Code says what was wrong with a request. It is stable, unlike the message that comes with it.
	Code = protocol.Code
	// CloseCode is the status with which the server closed a connection.
	CloseCode = protocol.CloseCode
	// Rejected is one room of a join that was rejected while others were joined.
	Rejected = protocol.Rejected
)

// Codes of a [RequestError] and of a [Rejected] room.
const (
	CodeInvalidJSON        = protocol.CodeInvalidJSON        // not a JSON object
	CodeInvalidEvent       = protocol.CodeInvalidEvent       // a field is missing, of the wrong type or out of range
	CodeUnknownType        = protocol.CodeUnknownType        // the server knows no such type
	CodeUnknownField       = protocol.CodeUnknownField       // a key that this type does not have
	CodeInvalidRoom        = protocol.CodeInvalidRoom        // not the name of a room or an instrument
	CodeNotJoined          = protocol.CodeNotJoined          // leave of, or chat to, a room that was not joined
	CodeForbidden          = protocol.CodeForbidden          // the type exists, but not for this role
	CodeTooManyRooms       = protocol.CodeTooManyRooms       // the consumer's room limit is reached
	CodeTooManyInstruments = protocol.CodeTooManyInstruments // the instance keeps no further instruments
	CodeRateLimited        = protocol.CodeRateLimited        // faster than the configured rate; the message was dropped
	CodeUnavailable        = protocol.CodeUnavailable        // the instance is stopping
)

// Codes of a [CloseError].
const (
	CloseNormal          = protocol.CloseNormal          // reply to the client's own close
	CloseGoingAway       = protocol.CloseGoingAway       // the server stops
	CloseProtocolError   = protocol.CloseProtocolError   // a frame that RFC 6455 forbids
	CloseUnsupportedData = protocol.CloseUnsupportedData // a binary message
	CloseInvalidData     = protocol.CloseInvalidData     // a text message that is not UTF-8
	CloseTooBig          = protocol.CloseTooBig          // a message over the size limit
	CloseRestart         = protocol.CloseRestart         // the server restarts
	CloseTryLater        = protocol.CloseTryLater        // the server is overloaded
	CloseUnauthorized    = protocol.CloseUnauthorized    // the credentials expired or were revoked
	CloseSlowConsumer    = protocol.CloseSlowConsumer    // the client does not read, or does not answer pings
	CloseTooMany         = protocol.CloseTooMany         // too many bad messages, or too many messages
)
