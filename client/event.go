package client

import (
	"bytes"
	"encoding/json"
	"time"

	"backbone/protocol"
)

// Event is what a [Conn] delivers: one of [PriceUpdate], [Retired], [ChatMessage], [Conflated], [Lost],
// [NoSnapshot], [FeedStatus], [BridgeStatus], [Heartbeat], [Connected], [Disconnected],
// [Rejoined], [Moved], [Joined], [Missed], [Unknown] or *[RequestError]. An [Ingestor] reports Connected, Disconnected, Moved, [LeftOut], Unknown
// and *RequestError to [IngestorOptions].OnEvent. The client keeps no reference to an event, so
// the receiver may keep it and pass it to other goroutines.
type Event interface{ event() }

// PriceUpdate is a price of an instrument, received or to be published. Its JSON is the
// message of the protocol without "type".
type PriceUpdate struct {
	// Instrument is also the name of the room: see [protocol.ValidRoom].
	Instrument string `json:"instrument"`
	// Price is the text that the producer sent. Compare it with [Price.Cmp].
	Price Price `json:"price"`
	// TS is the producer's time, 0 or more, in a unit that the producer chose: see [PriceUpdate.Time].
	TS int64 `json:"ts"`
	// Data is a JSON object of the producer's own, at most 4 KiB of text and nested at most
	// 16 deep: size, side, bid, ask, trade id. Servers pass it on unread as the text that was
	// sent. Nil if there is none.
	Data json.RawMessage `json:"data,omitempty"`
	// Snapshot marks a received price as the current value and not a tick. It replaces the
	// value that the program holds. Publishing ignores the field.
	Snapshot bool `json:"snapshot,omitempty"`
	// Stamp says where and when a received price was taken in. It is nil unless the room was
	// joined with [JoinOptions].Stamp, and if an instance that is older than stamps took the price
	// in or passed it on. Publishing ignores the field.
	Stamp *Stamp `json:"-"`
}

// Stamp says where and when a price was taken in. It is the same on every instance.
type Stamp struct {
	// Epoch names the count that Seq is a number of: that of one instance for one room, since it
	// started or last forgot the room. A room with producers on two instances has two.
	Epoch string
	// Seq is the number of the price in its count, from 1, without gaps.
	Seq uint64
	// At is when the instance took the price in, by its clock, to the millisecond. The time
	// since then is the price's age, as exact as the clocks of the instance and of this machine
	// agree.
	At time.Time
	// Age, of a snapshot, is how old the price was when the server made the snapshot. It grows
	// while the snapshot waits to be sent, is on its way, and waits in Events. The server's side
	// measures it, so the clock of this machine does not matter. It is 0 for a live price.
	Age time.Duration
}

// Retired says that an instrument has no price any more: its producer has retired it. What the program
// holds of it is void. A price that comes later brings it back.
type Retired struct {
	Instrument string
	// Snapshot says that it was retired some time ago, and that the server has learned of it now.
	Snapshot bool
	// Stamp is that of a price: see [PriceUpdate].
	Stamp *Stamp
}

// ChatMessage is a text that a member sent to a room. The member can be this client.
type ChatMessage struct {
	Room string
	Text string
}

// Conflated says that live events of a room were left out because this consumer was
// slow, or has asked for no more with [JoinOptions].MaxRate. The newest one follows.
type Conflated struct {
	Room    string
	Skipped uint64 // live events since the last delivered one of the room, not counting the one that follows
}

// Lost says that chat messages of a room were lost because this consumer was slow. It comes in the place
// where they are missing.
type Lost struct {
	Room     string
	Messages uint64
}

// Joined says that the client is in further rooms of a prefix, see [Conn.JoinPrefix]. It comes before the first
// event of each of them.
type Joined struct {
	Prefix string
	Rooms  []string
	// Rejected names a room that the server's limit has kept out. Others can be kept out after it without
	// being named.
	Rejected []Rejected
}

// Missed says that events of a room were published while there was no connection. It comes only
// for rooms joined with [JoinOptions].Stamp: right before the first price of the room after that,
// and again before the first live price if the first was a snapshot and more is missing between
// them. A room with several producers can have one for each.
type Missed struct {
	Room string
	// Events is how many are missing between the last price before and the one that follows.
	// What Conflated says was left out since then is not part of it.
	Events uint64
	// Exact is false if that is not known, and at least Events are missing: the instance that
	// took the prices in is another one or has restarted, the room had no price before, a price
	// had no stamp, or a room with several producers was conflated at the same time.
	Exact bool
}

// Heartbeat says that the server had nothing else to send for as long as
// [ConnOptions].Heartbeat.
type Heartbeat struct {
	At time.Time // by the server's clock
}

// NoSnapshot follows a join with [JoinOptions].MarkEmpty: no last price of the room is
// known.
type NoSnapshot struct{ Room string }

// FeedStatus says that no live event of a room came for [JoinOptions].SilentAfter, by default for
// the lifetime of a last price on the server, or that one has come again. The server does not know
// whether the market is quiet or its producer is gone. The event comes only for rooms joined with
// [JoinOptions].Status.
type FeedStatus struct {
	Room   string
	Silent bool
	Since  time.Time // of the last live event; if not Silent, of the one that ended the silence
}

// BridgeStatus says whether the server's bridge to the other instances works. While it does
// not, prices published on other instances may be missing. It comes only if a room was joined
// with [JoinOptions].Status.
type BridgeStatus struct {
	OK    bool
	Since time.Time
}

// Connected is the first event of each connection. The events up to the next Disconnected were
// received on that connection.
type Connected struct{}

// Disconnected says that there is no connection. It comes when a connection ends and after
// each failed attempt. The prices that the program holds may be out of date until [Rejoined]
// and the snapshots after it.
type Disconnected struct {
	Err     error         // a *CloseError, a *ConnectError, or wraps ErrConnectionLost
	Attempt int           // number of the next attempt, from 1; starts again at 1 once a connection has lasted
	Wait    time.Duration // until the next attempt
}

// Rejoined comes once on each connection after a Disconnected, when the server has answered
// the joins of all former rooms, and immediately if there were none. Joins that come too soon for the server's
// rate are sent again one after the other: after 1 to 2 s, and after twice as long each time that one comes too soon
// again, up to 15 to 30 s. What the program leaves or joins itself meanwhile is not joined again. Rejected rooms are
// no longer joined.
type Rejoined struct {
	Rooms    []string // sorted
	Rejected []Rejected
	// RejectedPrefixes are no longer joined: Room is the prefix, and empty for all rooms.
	RejectedPrefixes []Rejected
	// Reduced says that the server is older than [JoinOptions].Stamp, SilentAfter, MaxRate or Conflate, and
	// rooms that have these were joined without. They are asked for again on the next connection.
	Reduced bool
}

// Moved comes instead of a Disconnected when the server wanted the client elsewhere, because it stops or
// the connection is old, and the client has connected to the next one before it left. The events go on,
// and nothing is missing or comes twice; a [Missed] says where that did not succeed. Requests wait
// meanwhile, for a second or so. A move that fails is tried again for as long as the server keeps the
// connection. Rejected rooms are no longer joined. A [Rejoined] that had not come yet comes behind it.
type Moved struct {
	Rejected []Rejected
	// RejectedPrefixes are no longer joined: Room is the prefix, and empty for all rooms.
	RejectedPrefixes []Rejected
}

// Unknown is a message that this version does not know, so that a program may go on
// with a newer server. Type is empty if the message is not a JSON object of the protocol.
type Unknown struct {
	Type string
	Raw  []byte
}

func (PriceUpdate) event()   {}
func (Retired) event()       {}
func (ChatMessage) event()   {}
func (Conflated) event()     {}
func (Lost) event()          {}
func (Joined) event()        {}
func (Missed) event()        {}
func (Heartbeat) event()     {}
func (NoSnapshot) event()    {}
func (FeedStatus) event()    {}
func (BridgeStatus) event()  {}
func (Connected) event()     {}
func (Disconnected) event()  {}
func (Rejoined) event()      {}
func (Moved) event()         {}
func (Unknown) event()       {}
func (*RequestError) event() {}

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

// asEvent is the event of u, which has no price if it stands for a Retired.
func (u PriceUpdate) asEvent() Event {
	if u.Price == "" {
		return Retired{Instrument: u.Instrument, Snapshot: u.Snapshot, Stamp: u.Stamp}
	}
	return u
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
