package common

import (
	"slices"

	"backbone/protocol"
)

// usual takes the object that begins at i if it is a price in the very form in which the SDK writes
// one, as nearly all are, and returns the place after it, or notPlain. Its fields are cut only once
// somebody asks for one.
func (o *Object) usual(b []byte, i int) (end int) {
	instrument, price, end := cutUsual(b, i)
	if end != notPlain {
		o.reset(b)
		o.typ, o.instrument, o.price, o.uncut = protocol.TypePriceUpdate, instrument, price, span{i, end}
	}
	return end
}

// cutUsual returns the instrument and the price of what usual takes, and the place after it.
func cutUsual(b []byte, i int) (instrument, price []byte, end int) {
	instrument, price, rest, ok := protocol.CutPriceUpdate(b[i:])
	if !ok || slices.ContainsFunc(instrument, func(c byte) bool { return !plainCharacter(c) }) {
		return nil, nil, notPlain
	}
	return instrument, price, len(b) - len(rest)
}

// Usual returns the instrument and the price of a price_update that has the very form in which servers
// write one, and that form itself. They are JSON, and not checked any further. ok is false for any other
// object.
func (o *Object) Usual() (instrument, price, text []byte, ok bool) {
	return o.instrument, o.price, o.text[o.uncut.begin:o.uncut.end], o.uncut.end > 0
}

// cut cuts the fields of an object that usual has taken.
func (o *Object) cut() {
	if o.uncut.end > 0 {
		o.read(o.text, o.uncut.begin)
	}
}
