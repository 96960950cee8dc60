// Package protocol is the wire specification of the backbone: every message that
// crosses a WebSocket, every error code and every close code. The author of a client,
// in any language, needs this package or docs/protocol.md, which says the same in prose.
//
// # Flow
//
// A CONSUMER connects to [PathConsume], joins rooms and receives. A room is an
// instrument. Nothing is sent to it before its first request. For each room "joined" is
// the first message and "left" the last.
//
// An INGESTOR connects to [PathIngest] and publishes price updates. It never joins a room.
//
// If the server asks for credentials, which it can for either role, a client sends a key or a
// token in the header Authorization, after "Bearer ", in the header [HeaderAPIKey], or, from a web
// page, as a second subprotocol behind [BearerPrefix]. Never send one in a URL.
//
// All messages are JSON text messages, one event per message. A binary message closes the
// connection. An ingestor may send an array of events in one message.
//
// # Versions
//
// The version of the protocol is negotiated as the WebSocket subprotocol [Subprotocol]. A
// client that offers none speaks this version.
//
// Everything here is immutable data or a pure function, and safe for concurrent use by
// multiple goroutines.
package protocol

import "encoding/json"

// Subprotocol names this version of the protocol in Sec-WebSocket-Protocol.
const Subprotocol = "backbone.v1"

// Paths and headers of the HTTP side.
const (
	PathConsume = "/ws"        // consumers
	PathIngest  = "/ws/ingest" // ingestors
	PathHealth  = "/healthz"   // the process lives
	PathReady   = "/readyz"    // the instance accepts clients

	PathPrice   = "/v1/price/"  // GET of the last price of the instrument that follows
	PathPublish = "/v1/publish" // POST of an ingestor's message

	HeaderAPIKey = "X-API-Key" // a key or a token; so can be "Authorization: Bearer"
	BearerPrefix = "bearer."   // a subprotocol that begins so carries a key or a token; it is not negotiated
)

// Limits of the protocol. Every server understands a client that stays within these limits,
// unless a flag sets a smaller one.
const (
	MaxMessageBytes    = 64 << 10 // a message from a client, bytes; more closes with 1009
	MaxChatBytes       = 16 << 10 // "data" of a chat message, bytes after unescaping
	MaxIDLength        = 64       // "id" of a request, characters
	MaxRoomLength      = 128      // a room or instrument name, bytes
	MaxPrefixes        = 64       // prefixes that a consumer has joined
	MaxListedRooms     = 1000     // names in a reply to rooms
	MaxPriceLength     = 64       // the text of a price, characters
	MaxDataBytes       = 4 << 10  // the text of "data" of a price_update, bytes
	MaxDataDepth       = 16       // depth of nested objects and arrays in "data" of a price_update, counting data itself
	MinSilentAfterMS   = 100      // "silent_after_ms" of a join, milliseconds
	MaxSilentAfterMS   = 86400000 // a day
	MinHeartbeatMS     = 100      // "heartbeat_ms" of a join, milliseconds
	MaxHeartbeatMS     = 3600000  // an hour
	MinRate            = 0.01     // "max_rate" of a join, events per second; 0 is no bound
	MaxRate            = 1000     // the largest
	MaxCloseReasonSize = 123      // RFC 6455, 5.5: a control frame carries 125 bytes, two are the code
)

// Role is what a connection may do. It is fixed by the path it connected to.
type Role string

// The two roles.
const (
	Ingestor Role = "INGESTOR" // publishes, never joins a room
	Consumer Role = "CONSUMER" // joins rooms, receives
)

// Types of messages that a client sends.
const (
	TypeJoin        = "join"         // consumer: receive the events of a room
	TypeLeave       = "leave"        // consumer: stop receiving them
	TypeRooms       = "rooms"        // consumer: which rooms have a price; also the reply
	TypeMessage     = "message"      // consumer: chat, to a room it joined; also the delivered message
	TypePing        = "ping"         // both: answered by pong
	TypeAuth        = "auth"         // both: credentials in place of those that the connection has
	TypeMarked      = "marked"       // consumer: it has read up to a mark
	TypePriceUpdate = "price_update" // ingestor: a price; also the delivered event
	TypeRetire      = "retire"       // ingestor: an instrument has no price any more
)

// Types of messages that a server sends, besides [TypeMessage] and [TypePriceUpdate].
const (
	TypeJoined     = "joined"      // reply to join
	TypeLeft       = "left"        // reply to leave
	TypePong       = "pong"        // reply to ping
	TypeAck        = "ack"         // reply to an event with an id: it was accepted and has its place in the order
	TypeError      = "error"       // reply to a request that was not carried out
	TypeConflated  = "conflated"   // live events of a room were left out before the next one
	TypeLost       = "lost"        // chat messages of a room were lost, because this consumer is slow
	TypeRetired    = "retired"     // an instrument of a joined room has no price any more
	TypeNoSnapshot = "no_snapshot" // follows a join with mark_empty: no last price is known
	TypeMark       = "mark"        // follows a join with marks: the client replies with marked when it comes to it
	TypeStatus     = "status"      // follows a join with status: a room's feed, or the instance's bridge, has changed
	TypeDraining   = "draining"    // the connection will be closed: connect again elsewhere; only to a client that has sent a request
	TypeHeartbeat  = "heartbeat"   // follows a join with heartbeat_ms: nothing else was sent for so long

	TypeAuthenticated = "authenticated" // reply to auth
)

// States in a status message.
const (
	FeedLive       = "live"     // events of the room come again
	FeedSilent     = "silent"   // no event of the room came for the lifetime of a last price
	BridgeOK       = "ok"       // the bridge to the other instances works
	BridgeDegraded = "degraded" // prices published on other instances may be missing
)

// What "conflate" of a join says of the values of its rooms.
const (
	ConflateBehind = "behind" // they are conflated while the consumer is behind; the default
	ConflateNever  = "never"  // none is left out: a consumer that is behind is closed with [CloseSlowConsumer] instead
)

// Code says what was wrong with a request. Codes are stable; messages are for people.
type Code string

// The codes of error messages. After each of them the connection stays open.
const (
	CodeInvalidJSON        Code = "invalid_json"         // not a JSON object (or, from an ingestor, an array of objects)
	CodeInvalidEvent       Code = "invalid_event"        // a field is missing, of the wrong type or out of range
	CodeUnknownType        Code = "unknown_type"         // "type" is a word that no role has
	CodeUnknownField       Code = "unknown_field"        // a key that this type does not have
	CodeInvalidRoom        Code = "invalid_room"         // a room or instrument name outside of [ValidRoom]
	CodeNotJoined          Code = "not_joined"           // leave of, or chat to, a room that was not joined
	CodeForbidden          Code = "forbidden"            // not for this role, or not with these credentials
	CodeTooManyRooms       Code = "too_many_rooms"       // the consumer's room limit is reached
	CodeTooManyInstruments Code = "too_many_instruments" // the instance keeps no further instruments of this producer
	CodeRateLimited        Code = "rate_limited"         // faster than the configured rate; the message was dropped
	CodeUnavailable        Code = "unavailable"          // the instance is stopping and accepts nothing more
	CodeUnauthorized       Code = "unauthorized"         // only over plain HTTP: no valid credentials
	CodeNoPrice            Code = "no_price"             // only over plain HTTP: no last price of the instrument is known
)

// Codes returns all codes of error messages.
func Codes() []Code {
	return []Code{
		CodeInvalidJSON, CodeInvalidEvent, CodeUnknownType, CodeUnknownField,
		CodeInvalidRoom, CodeNotJoined, CodeForbidden, CodeTooManyRooms,
		CodeTooManyInstruments, CodeRateLimited, CodeUnavailable,
		CodeUnauthorized, CodeNoPrice,
	}
}

// CloseCode is the status of a WebSocket close frame.
type CloseCode uint16

// Close codes that a server sends. Codes below 4000 are defined by RFC 6455 and IANA. A reason
// text always comes with the code.
const (
	CloseNormal          CloseCode = 1000 // reply to the client's own close
	CloseGoingAway       CloseCode = 1001 // an older server stops, or a proxy; connect again, elsewhere or later
	CloseProtocolError   CloseCode = 1002 // a frame that RFC 6455 forbids
	CloseUnsupportedData CloseCode = 1003 // a binary message
	CloseInvalidData     CloseCode = 1007 // a text message that is not UTF-8
	CloseTooBig          CloseCode = 1009 // a message over [MaxMessageBytes]
	CloseRestart         CloseCode = 1012 // the server stops, or the connection is old enough; connect again after a short random wait
	CloseTryLater        CloseCode = 1013 // the server is overloaded; connect again later
	CloseUnauthorized    CloseCode = 4401 // the credentials expired or were revoked
	CloseSlowConsumer    CloseCode = 4408 // the client does not read, does not answer pings, or is behind and has refused conflation
	CloseTooMany         CloseCode = 4429 // too many bad messages, or too many messages
)

// ClientMessage is any message from a client. The fields of each type:
//
//	join          Room, Rooms or Prefix, MarkEmpty, Status, Marks, Stamp, SilentAfterMS, HeartbeatMS,
//	              MaxRate, Conflate, ID
//	leave         Room or Prefix, ID
//	rooms         Prefix, After, ID
//	message       Room, Data, ID
//	ping          ID
//	auth          Token, ID
//	price_update  Instrument, Price, TS, Data, ID
//	retire        Instrument, ID
//
// ID is optional everywhere, at most [MaxIDLength] characters, and is echoed in
// exactly one reply.
type ClientMessage struct {
	Type          string          `json:"type"`
	Room          string          `json:"room,omitempty"`
	Rooms         []string        `json:"rooms,omitempty"`
	Prefix        *string         `json:"prefix,omitempty"` // of join, leave and rooms: in place of Room, all names that begin so; empty: all names
	After         string          `json:"after,omitempty"`  // of rooms: only names that come behind it
	MarkEmpty     bool            `json:"mark_empty,omitempty"`
	Status        bool            `json:"status,omitempty"`
	Marks         bool            `json:"marks,omitempty"`           // of a join, for the connection: marks are messages
	Stamp         bool            `json:"stamp,omitempty"`           // of a join: prices of its rooms carry a [Stamp]; written as false, those of rooms that were joined before carry none any more
	SilentAfterMS int64           `json:"silent_after_ms,omitempty"` // of a join: time without a live event after which its rooms are silent, milliseconds
	HeartbeatMS   int64           `json:"heartbeat_ms,omitempty"`    // of a join, for the connection: time after which a heartbeat comes if nothing else does, milliseconds
	MaxRate       *float64        `json:"max_rate,omitempty"`        // of a join: values of each type in its rooms, events per second; 0: no bound
	Conflate      string          `json:"conflate,omitempty"`        // of a join: [ConflateNever] or [ConflateBehind]
	N             uint64          `json:"n,omitempty"`               // of a mark
	Token         string          `json:"token,omitempty"`           // a token or a key
	Instrument    string          `json:"instrument,omitempty"`
	Price         json.Number     `json:"price,omitempty"` // passed on as the text that was sent
	TS            *int64          `json:"ts,omitempty"`    // 0 ... 2^63-1, unit chosen by the producer, passed on unread
	Data          json.RawMessage `json:"data,omitempty"`  // of a message: a string, see [Text]; of a price_update: an object, passed on as the text that was sent
	ID            string          `json:"id,omitempty"`
}

// ServerMessage is any message from a server. Its fields are in the order in which servers
// write the keys. The fields of each type:
//
//	joined        Room, or Rooms and Rejected, with Prefix if they are of one; ID if the join had one
//	left          Room, or Prefix and Rooms; ID if the leave had one
//	rooms         Rooms, in order; More if there are more; ID if the request had one
//	pong          ID if the ping had one, TS (server's Unix time in milliseconds)
//	authenticated Expires, if the credentials do (Unix time in milliseconds); ID if the auth had one
//	ack           ID
//	error         Code, Message; ID if the request had one; Index within a batch
//	price_update  Instrument, Price, TS, Data, Snapshot; Epoch, Seq and At to a join with Stamp, with AgeMS in a snapshot
//	retired       Instrument, Snapshot; a Stamp as of a price_update
//	message       Room, Data
//	conflated     Room, Skipped
//	lost          Room, Messages
//	no_snapshot   Room
//	mark          N; AgeMS once a mark was answered
//	status        Room and Feed, or Bridge; Since
//	heartbeat     At (server's Unix time in milliseconds)
//	draining      ReconnectAfterMS
type ServerMessage struct {
	Type             string          `json:"type"`
	Room             string          `json:"room,omitempty"`
	Prefix           *string         `json:"prefix,omitempty"` // of joined and left: the rooms are of this prefix
	Rooms            []string        `json:"rooms,omitzero"`
	Rejected         []Rejected      `json:"rejected,omitempty"`
	More             bool            `json:"more,omitempty"` // of rooms: further names follow the last one
	Instrument       string          `json:"instrument,omitempty"`
	Price            json.Number     `json:"price,omitempty"`
	Feed             string          `json:"feed,omitempty"`     // live or silent
	Bridge           string          `json:"bridge,omitempty"`   // ok or degraded
	Since            int64           `json:"since,omitempty"`    // Unix time in milliseconds
	Expires          int64           `json:"expires,omitempty"`  // Unix time in milliseconds
	Skipped          uint64          `json:"skipped,omitempty"`  // live events of the room left out since the last delivered one
	Messages         uint64          `json:"messages,omitempty"` // chat messages of the room that were lost
	Code             Code            `json:"code,omitempty"`
	Message          string          `json:"message,omitempty"`
	ID               string          `json:"id,omitempty"`
	N                uint64          `json:"n,omitempty"`     // of a mark
	Index            *int            `json:"index,omitempty"` // position within the batch, from 0
	TS               *int64          `json:"ts,omitempty"`
	Data             json.RawMessage `json:"data,omitempty"`  // of a message: a string, see [TextOf]; of a price_update: an object
	Epoch            string          `json:"epoch,omitempty"` // these four: see [Stamp]; AgeMS also of a mark
	Seq              uint64          `json:"seq,omitempty"`
	At               int64           `json:"at,omitempty"`
	AgeMS            *int64          `json:"age_ms,omitempty"`
	ReconnectAfterMS *int64          `json:"reconnect_after_ms,omitempty"` // when to connect elsewhere, milliseconds from now
	Snapshot         bool            `json:"snapshot,omitempty"`           // the current value, not a tick; replaces the value held
}

// Rejected is one room of a join that was not joined while the others were.
type Rejected struct {
	Room    string `json:"room"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}
