package protocol

import (
	"bytes"
	"math"
	"strconv"
)

// The text of a price_update around its values, in this order. An event without data lacks
// dataKey.
const (
	priceOpen = `{"type":"` + TypePriceUpdate + `","instrument":"`
	priceKey  = `","price":`
	tsKey     = `,"ts":`
	dataKey   = `,"data":`

	epochKey = `,"epoch":"`
	seqKey   = `","seq":`
	atKey    = `,"at":`
	ageKey   = `,"age_ms":`

	snapshotEnd = `,"snapshot":true}`
)

// AppendPriceUpdate appends a price_update as servers write it. Each value is copied as the
// text that it has in JSON, the instrument without its quotes; an empty data is left out.
// Nothing is checked.
func AppendPriceUpdate[S string | []byte](dst []byte, instrument, price, ts, data S) []byte {
	dst = append(dst, priceOpen...)
	dst = append(dst, instrument...)
	dst = append(dst, priceKey...)
	dst = append(dst, price...)
	dst = append(dst, tsKey...)
	dst = append(dst, ts...)
	if len(data) > 0 {
		dst = append(dst, dataKey...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// InstrumentOf returns the instrument of a text that AppendPriceUpdate made, as a part of
// that text. n is the instrument's length.
func InstrumentOf(event string, n int) string { return event[len(priceOpen):][:n] }

// MarkSnapshot returns the event with "snapshot":true as its last key. The event
// must be an object as this protocol's servers write it.
func MarkSnapshot(event string) string {
	return event[:len(event)-1] + snapshotEnd
}

// Stamp says where and when a price was taken in. It is the same wherever the price arrives.
type Stamp struct {
	Epoch string // names the count that Seq is a number of: of one instance since its start, for one room; no character of it needs an escape
	Seq   uint64 // number of the price in that count, from 1
	At    int64  // when the instance took the price in, by its clock, Unix milliseconds
}

// AppendStamped appends the event with the keys of a stamp behind its own. The event must be
// an object as this protocol's servers write it, and not marked by MarkSnapshot.
func AppendStamped(dst []byte, event string, s Stamp) []byte {
	return append(appendStamp(append(dst, event[:len(event)-1]...), s), '}')
}

// AppendStampedSnapshot is AppendStamped for an event that MarkSnapshot returned. ageMS says
// how long ago the event was taken in, in milliseconds.
func AppendStampedSnapshot(dst []byte, event string, s Stamp, ageMS int64) []byte {
	dst = appendStamp(append(dst, event[:len(event)-len(snapshotEnd)]...), s)
	dst = strconv.AppendInt(append(dst, ageKey...), ageMS, 10)
	return append(dst, snapshotEnd...)
}

func appendStamp(dst []byte, s Stamp) []byte {
	dst = append(append(dst, epochKey...), s.Epoch...)
	dst = strconv.AppendUint(append(dst, seqKey...), s.Seq, 10)
	return strconv.AppendInt(append(dst, atKey...), s.At, 10)
}

// PriceText is the values of a price_update, the texts as they are in the message.
type PriceText struct {
	Instrument []byte // without quotes; not checked by ValidRoom
	Price      []byte // a JSON number
	TS         int64
	Data       []byte // a JSON object; nil if there is none
	Epoch      []byte // without quotes; nil if the price has no stamp
	Seq        uint64 // this and At: of the stamp
	At         int64
	AgeMS      int64 // of a snapshot with a stamp
	Snapshot   bool
}

// ScanPriceUpdate cuts a price_update into its values. It is the fast path of clients: ok is
// false for any message that is not written exactly as servers of this version write it,
// and then a JSON parser decides. It allocates nothing.
func ScanPriceUpdate(b []byte) (p PriceText, ok bool) {
	var ts []byte
	if p.Instrument, p.Price, ts, b, ok = cutPrice(b); !ok {
		return PriceText{}, false
	}
	p.TS = int64(value(ts))
	if rest, found := after(b, dataKey); found {
		n := objectLen(rest)
		if n == 0 {
			return PriceText{}, false
		}
		p.Data, b = rest[:n], rest[n:]
	}
	aged := false
	if rest, found := after(b, epochKey); found {
		if b, aged, ok = p.scanStamp(rest); !ok {
			return PriceText{}, false
		}
	}
	p.Snapshot = string(b) == snapshotEnd
	if !p.Snapshot && string(b) != `}` || aged != (p.Snapshot && p.Epoch != nil) {
		return PriceText{}, false
	}
	return p, true
}

// CutPriceUpdate cuts the price_update that b begins with, and returns the texts of its instrument,
// without quotes and not checked by ValidRoom, and of its price, and what follows the event. It is the
// fast path of servers: ok is false for any event with data, a stamp or more keys, or that
// AppendPriceUpdate would write otherwise, and then a JSON parser decides. It allocates nothing.
func CutPriceUpdate(b []byte) (instrument, price, rest []byte, ok bool) {
	instrument, price, _, rest, ok = cutPrice(b)
	if !ok || len(rest) == 0 || rest[0] != '}' {
		return nil, nil, b, false
	}
	return instrument, price, rest[1:], true
}

// cutPrice cuts a price_update from its beginning to the end of its ts.
func cutPrice(b []byte) (instrument, price, ts, rest []byte, ok bool) {
	if b, ok = after(b, priceOpen); !ok {
		return nil, nil, nil, b, false
	}
	if instrument, b, ok = upTo(b, '"'); !ok {
		return nil, nil, nil, b, false
	}
	if b, ok = after(b, priceKey); !ok {
		return nil, nil, nil, b, false
	}
	n := numberLen(b)
	if n == 0 {
		return nil, nil, nil, b, false
	}
	price = b[:n]
	if b, ok = after(b[n:], tsKey); !ok {
		return nil, nil, nil, b, false
	}
	if ts, rest, ok = digits(b); len(ts) == maxDigits {
		ok = value(ts) <= math.MaxInt64
	}
	return instrument, price, ts, rest, ok
}

// scanStamp takes the keys of a stamp from the epoch's text on. aged reports whether an age
// came with them.
func (p *PriceText) scanStamp(b []byte) (rest []byte, aged, ok bool) {
	if p.Epoch, b, ok = upTo(b, '"'); !ok || len(p.Epoch) == 0 || bytes.IndexByte(p.Epoch, '\\') >= 0 {
		return b, false, false
	}
	if b, ok = after(b, seqKey); !ok {
		return b, false, false
	}
	if p.Seq, b, ok = natural(b); !ok {
		return b, false, false
	}
	if b, ok = after(b, atKey); !ok {
		return b, false, false
	}
	at, b, ok := natural(b)
	if !ok || at > math.MaxInt64 {
		return b, false, false
	}
	p.At = int64(at)
	if rest, aged = after(b, ageKey); !aged {
		return b, false, true
	}
	age, rest, ok := natural(rest)
	p.AgeMS = int64(age)
	return rest, true, ok && age <= math.MaxInt64
}
