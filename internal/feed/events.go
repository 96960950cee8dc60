package feed

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"backbone/protocol"
)

// Price is one price of one symbol.
type Price struct {
	Symbol string // as it was asked for
	Text   string // the price as the exchange wrote it
	TS     int64  // the exchange's time, Unix milliseconds; 0: it gave none
	// Seq is a number that rises with the prices of the symbol, by which they are ordered and told
	// apart. 0: there is none, and TS and ID serve.
	Seq   uint64
	ByOne bool   // Seq rises by one, so that a gap is a loss
	ID    string // of the trade; may be empty
	// Size and what follows is empty where the exchange does not say it.
	Size     string
	Side     string // of who took: Buy or Sell
	Bid, Ask string
}

// The sides.
const (
	Buy  = "buy"
	Sell = "sell"
)

// EventKind says what an Event is.
type EventKind byte

// The kinds of events.
const (
	EventPrice     EventKind = iota + 1 // Price came live
	EventSnapshot                       // Price was, and may be old
	EventAck                            // Symbol will come
	EventReject                         // Symbol will not come: Text says why
	EventSend                           // Frame is to be sent
	EventReconnect                      // the exchange wants a new connection: Text says why
	EventAlive                          // the exchange lives
	EventDrop                           // something is left out, for Reason: Text shows it
	EventGap                            // Lost messages of the exchange did not come
)

// Event is what a frame says.
type Event struct {
	Kind   EventKind
	Reason Reason
	Price  Price
	Symbol string
	Text   string
	Frame  Frame
	Lost   uint64
}

// Reason is why something is left out or ends. Counters and lines of the log have it.
type Reason string

// The reasons.
const (
	BadFrame  Reason = "bad_frame"  // could not be read
	Unknown   Reason = "unknown"    // a kind of message that nobody knows
	BadPrice  Reason = "bad_price"  // no JSON number, or none that is a price
	BadTime   Reason = "bad_time"   // more than a day ahead of this machine's clock
	Stranger  Reason = "stranger"   // of a symbol that nobody asked for
	Duplicate Reason = "duplicate"  // published before
	Old       Reason = "old"        // older than what was published
	History   Reason = "history"    // part of a snapshot, and not its newest
	Gap       Reason = "gap"        // the exchange's own count has a gap
	Restart   Reason = "restart"    // the exchange's own count began anew
	Conflated Reason = "conflated"  // replaced by a newer one, because they were not taken in time
	Rejected  Reason = "rejected"   // a symbol that the exchange does not take
	Silent    Reason = "silent"     // no data of a symbol for a long time
	Live      Reason = "live_again" // data of a symbol that was silent
	Lost      Reason = "lost"       // the connection broke
	Closed    Reason = "closed"     // the exchange closed the connection
	TooLarge  Reason = "too_large"  // a frame is larger than MaxFrame
	Dead      Reason = "dead"       // no frame at all for a long time
	Stuck     Reason = "stuck"      // the exchange does not read what is sent
	Connected Reason = "connected"  // a connection was made
	Planned   Reason = "planned"    // the connection is replaced before it ends
	Refused   Reason = "refused"    // the exchange answered the handshake with an error
	NoConnect Reason = "no_connect" // the exchange was not reached
)

// Reasons are all reasons.
func Reasons() []Reason {
	return []Reason{
		BadFrame, Unknown, BadPrice, BadTime, Stranger, Duplicate, Old, History, Gap,
		Restart, Conflated, Rejected, Silent, Live, Lost, Closed, TooLarge, Dead,
		Stuck, Connected, Planned, Refused, NoConnect,
	}
}

// Events collects what a frame says. A session only adds to it. The zero Events is empty.
type Events struct {
	list []Event
}

// List is what was added since the last Reset. It is valid until the next one.
func (e *Events) List() []Event { return e.list }

// Reset empties e.
func (e *Events) Reset() { e.list = e.list[:0] }

// Price adds a live price. If its text is none, it is dropped and counted instead.
func (e *Events) Price(p Price) { e.price(EventPrice, p) }

// Snapshot adds a price that was before the symbol was asked for. Of those of one frame only the
// newest of each symbol is published, if it is newer than what was.
func (e *Events) Snapshot(p Price) { e.price(EventSnapshot, p) }

func (e *Events) price(kind EventKind, p Price) {
	if fault := priceFault(p.Text); fault != "" {
		e.Drop(BadPrice, fmt.Sprintf("%s: the price %s, not %s", p.Symbol, fault, Quote(p.Text)))
		return
	}
	e.list = append(e.list, Event{Kind: kind, Price: p})
}

// Ack says that the exchange will send these symbols. It is advice: only data makes a symbol live.
func (e *Events) Ack(symbols ...string) {
	for _, s := range symbols {
		e.list = append(e.list, Event{Kind: EventAck, Symbol: s})
	}
}

// Reject says that the exchange will not send a symbol, and why.
func (e *Events) Reject(symbol, why string) {
	e.list = append(e.list, Event{Kind: EventReject, Symbol: symbol, Text: Clip(why)})
}

// Send asks for frames to be sent. One alone is an answer, and goes before what waits; several
// wait their turn.
func (e *Events) Send(frames ...Frame) {
	for _, f := range frames {
		e.list = append(e.list, Event{Kind: EventSend, Frame: f})
	}
}

// Reconnect says that the exchange will end this connection soon.
func (e *Events) Reconnect(why string) {
	e.list = append(e.list, Event{Kind: EventReconnect, Text: Clip(why)})
}

// Alive says that a frame was understood and asks for nothing. A frame that adds no event at all
// counts as unknown.
func (e *Events) Alive() { e.list = append(e.list, Event{Kind: EventAlive}) }

// Drop says that something was left out.
func (e *Events) Drop(r Reason, detail string) {
	e.list = append(e.list, Event{Kind: EventDrop, Reason: r, Text: Clip(detail)})
}

// Gap says that messages are missing in the exchange's own count of a connection. Gaps of
// [Price.Seq] are found without it.
func (e *Events) Gap(lost uint64, detail string) {
	e.list = append(e.list, Event{Kind: EventGap, Lost: lost, Text: Clip(detail)})
}

// Newest reverses the prices that were added since there were n events, for exchanges whose
// arrays begin with the newest.
func (e *Events) Newest(n int) { slices.Reverse(e.list[n:]) }

// Len is the number of events.
func (e *Events) Len() int { return len(e.list) }

func priceFault(text string) string {
	switch {
	case len(text) > protocol.MaxPriceLength:
		return fmt.Sprintf("must have at most %d characters", protocol.MaxPriceLength)
	case !protocol.ValidNumber(text):
		return "must be a JSON number"
	}
	return protocol.PriceFault(text)
}

// maxQuoted bounds what is shown of an exchange's texts, in bytes.
const maxQuoted = 120

// Clip cuts a text of an exchange for the log.
func Clip(text string) string { return ClipTo(text, maxQuoted) }

// ClipTo cuts a text to so many bytes at most, between two characters.
func ClipTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// Quote quotes a text of an exchange for the log.
func Quote(text string) string { return fmt.Sprintf("%q", Clip(text)) }
