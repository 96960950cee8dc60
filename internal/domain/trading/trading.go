// Package trading is the domain of prices.
package trading

import (
	"strconv"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// PriceUpdate is the domain of "price_update": the newest price of an instrument, which
// is also the name of its room.
type PriceUpdate struct{}

// Type is "price_update".
func (PriceUpdate) Type() string { return protocol.TypePriceUpdate }

// Sender is the ingestor.
func (PriceUpdate) Sender() protocol.Role { return protocol.Ingestor }

// RoomField is "instrument": the room of a price is its instrument.
func (PriceUpdate) RoomField() string { return "instrument" }

// MembersOnly is false: an ingestor joins nothing.
func (PriceUpdate) MembersOnly() bool { return false }

// State is true: a newer price replaces an older one.
func (PriceUpdate) State() bool { return true }

// Ends is "": a price is a value of its own.
func (PriceUpdate) Ends() string { return "" }

// Validate returns the price_update with instrument, price, ts, and data if there is one,
// each as the text that was sent. Of several mistakes it reports an unknown field first, then
// the first of instrument, price, ts and data.
func (PriceUpdate) Validate(obj *common.Object) (common.Event, error) {
	if instrument, text, ok := Usual(obj); ok {
		payload := string(text)
		return common.Event{Room: protocol.InstrumentOf(payload, len(instrument)), Payload: payload}, nil
	}
	if err := obj.Only("instrument", "price", "ts", "data"); err != nil {
		return common.Event{}, err
	}
	instrument, err := obj.Room("instrument")
	if err != nil {
		return common.Event{}, err
	}
	price, err := price(obj)
	if err != nil {
		return common.Event{}, err
	}
	ts, err := timestamp(obj)
	if err != nil {
		return common.Event{}, err
	}
	data, err := data(obj)
	if err != nil {
		return common.Event{}, err
	}
	var short [512]byte // most events need no more, and so one allocation
	payload := string(protocol.AppendPriceUpdate(short[:0], instrument, price, ts, data))
	return common.Event{Room: protocol.InstrumentOf(payload, len(instrument)), Payload: payload}, nil
}

// Usual returns the instrument and the text of a valid price_update that has the form of its event
// already. ok is false for any other object, valid or not.
func Usual(obj *common.Object) (instrument, text []byte, ok bool) {
	instrument, price, text, ok := obj.Usual()
	return instrument, text, ok && len(price) <= protocol.MaxPriceLength && protocol.PriceFault(price) == "" && protocol.ValidRoom(instrument)
}

func price(obj *common.Object) ([]byte, error) {
	text, present, err := obj.Number("price")
	switch {
	case err != nil:
		return nil, err
	case !present:
		return nil, common.Required("price")
	case len(text) > protocol.MaxPriceLength:
		return nil, common.Errorf(protocol.CodeInvalidEvent, "price: must have at most %d characters, got %d",
			protocol.MaxPriceLength, len(text))
	}
	if fault := protocol.PriceFault(text); fault != "" {
		return nil, common.Errorf(protocol.CodeInvalidEvent, "price: %s, got %s", fault, text)
	}
	return text, nil
}

func timestamp(obj *common.Object) ([]byte, error) {
	text, present, err := obj.Number("ts")
	switch {
	case err != nil:
		return nil, err
	case !present:
		return nil, common.Required("ts")
	}
	if !natural63(text) {
		return nil, common.Errorf(protocol.CodeInvalidEvent, "ts: must be an integer from 0 to 2^63-1, without fraction or exponent")
	}
	return text, nil
}

// natural63 reports whether a JSON number is an integer from 0 to 2^63-1, in digits alone.
func natural63(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	if len(text) < len("9223372036854775807") {
		return true
	}
	_, err := strconv.ParseUint(string(text), 10, 63)
	return err == nil
}

// data returns nil where there is none.
func data(obj *common.Object) ([]byte, error) {
	text, present, err := obj.Nested("data")
	switch {
	case err != nil || !present:
		return nil, err
	case len(text) > protocol.MaxDataBytes:
		return nil, common.Errorf(protocol.CodeInvalidEvent, "data: must have at most %d bytes, got %d",
			protocol.MaxDataBytes, len(text))
	}
	if depth := protocol.Depth(text); depth > protocol.MaxDataDepth {
		return nil, common.Errorf(protocol.CodeInvalidEvent, "data: must be nested at most %d deep, got %d",
			protocol.MaxDataDepth, depth)
	}
	return text, nil
}
