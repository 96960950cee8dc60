package protocol

import "math"

// The text of a price_update around its values, in this order. An event without data lacks
// dataKey.
const (
	priceOpen = `{"type":"` + TypePriceUpdate + `","instrument":"`
	priceKey  = `","price":`
	tsKey     = `,"ts":`
	dataKey   = `,"data":`

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

// PriceText is the values of a price_update, the texts as they are in the message.
type PriceText struct {
	Instrument []byte // without quotes; not checked by ValidRoom
	Price      []byte // a JSON number
	TS         int64
	Data       []byte // a JSON object; nil if there is none
	Snapshot   bool
}

// ScanPriceUpdate cuts a price_update into its values. It is the fast path of clients: ok is
// false for any message that is not written exactly as servers of this version write it,
// and then a JSON parser decides. It allocates nothing.
func ScanPriceUpdate(b []byte) (p PriceText, ok bool) {
	if b, ok = after(b, priceOpen); !ok {
		return PriceText{}, false
	}
	if p.Instrument, b, ok = upTo(b, '"'); !ok {
		return PriceText{}, false
	}
	if b, ok = after(b, priceKey); !ok {
		return PriceText{}, false
	}
	n := numberLen(b)
	if n == 0 {
		return PriceText{}, false
	}
	p.Price = b[:n]
	if b, ok = after(b[n:], tsKey); !ok {
		return PriceText{}, false
	}
	ts, b, ok := natural(b)
	if !ok || ts > math.MaxInt64 {
		return PriceText{}, false
	}
	p.TS = int64(ts)
	if rest, found := after(b, dataKey); found {
		if n = objectLen(rest); n == 0 {
			return PriceText{}, false
		}
		p.Data, b = rest[:n], rest[n:]
	}
	switch string(b) {
	case `}`:
		return p, true
	case snapshotEnd:
		p.Snapshot = true
		return p, true
	}
	return PriceText{}, false
}
