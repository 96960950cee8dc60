package client

import (
	"encoding/json"
	"time"
)

// Event is what a [Conn] delivers: one of [PriceUpdate], [ChatMessage],
// [Conflated], [NoSnapshot], [FeedStatus], [BridgeStatus], [Connected], [Disconnected], [Rejoined], [Unknown] or
// *[RequestError]. An [Ingestor] reports Connected, Disconnected, Unknown and
// *RequestError to [IngestorOptions].OnEvent. Events are values of their own: the receiver
// may keep them and hand them to other goroutines.
type Event interface{ event() }

// PriceUpdate is the price of an instrument, received or to be published. Its JSON is
// that of the protocol without "type".
type PriceUpdate struct {
	// Instrument is also the name of the room: [A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}.
	Instrument string `json:"instrument"`
	// Price is the text of a JSON number, at most 64 characters. It is never turned
	// into a float: consumers receive the characters that the producer sent.
	Price json.Number `json:"price"`
	// TS is the producer's time, 0 or more, in a unit that the producer chose.
	TS int64 `json:"ts"`
	// Data is a JSON object of the producer's own, at most 4 KiB of text and nested at most
	// 16 deep: size, side, bid, ask, trade id. Servers pass it on unread as the text that was
	// sent. Nil if there is none.
	Data json.RawMessage `json:"data,omitempty"`
	// Snapshot marks a received price as the current value and not a tick: it replaces
	// the value held. It is not published.
	Snapshot bool `json:"snapshot,omitempty"`
}

// ChatMessage is a text that a member sent to a room, this client included.
type ChatMessage struct {
	Room string
	Text string
}

// Conflated says that live events of a room were left out because this consumer was
// slow. The newest one follows.
type Conflated struct {
	Room    string
	Skipped uint64 // live events since the last delivered one of the room, without the one that follows
}

// NoSnapshot follows a join with [JoinOptions].MarkEmpty: no last price of the room is
// known.
type NoSnapshot struct{ Room string }

// FeedStatus says, under [JoinOptions].Status, that no event of a room came for the lifetime
// of a last price, or that events come again: whether a price is quiet or its producer
// dead.
type FeedStatus struct {
	Room   string
	Silent bool
	Since  time.Time // the last event, or the one that ended the silence
}

// BridgeStatus says, under [JoinOptions].Status, whether the server's instance and the others
// hear each other. While they do not, prices published elsewhere may be missing.
type BridgeStatus struct {
	OK    bool
	Since time.Time
}

// Connected is the first event of each connection. All that follows, up to the next
// Disconnected, was received on it.
type Connected struct{}

// Disconnected says that there is no connection, at its end and after each attempt
// that failed. Prices held may be out of date until [Rejoined] and the snapshots
// behind it.
type Disconnected struct {
	Err     error         // a *CloseError, a *ConnectError, or wraps ErrConnectionLost
	Attempt int           // of the attempt that follows, from 1; starts again once a connection has lasted
	Wait    time.Duration // until that attempt
}

// Rejoined comes once on each connection after a Disconnected, when the server has answered
// the joins of all former rooms, and immediately if there were none. Rejected rooms are no
// longer joined.
type Rejoined struct {
	Rooms    []string // sorted
	Rejected []Rejected
}

// Unknown is a message that this version does not know, so that a program may go on
// with a newer server. Type is empty if the message is not a JSON object of the protocol.
type Unknown struct {
	Type string
	Raw  []byte
}

func (PriceUpdate) event()   {}
func (ChatMessage) event()   {}
func (Conflated) event()     {}
func (NoSnapshot) event()    {}
func (FeedStatus) event()    {}
func (BridgeStatus) event()  {}
func (Connected) event()     {}
func (Disconnected) event()  {}
func (Rejoined) event()      {}
func (Unknown) event()       {}
func (*RequestError) event() {}
