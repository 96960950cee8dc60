package trading

import (
	"backbone/internal/domain/common"
	"backbone/protocol"
)

// Retire is the domain of "retire": an instrument has no price any more.
type Retire struct{}

// Type is "retire".
func (Retire) Type() string { return protocol.TypeRetire }

// Sender is the ingestor.
func (Retire) Sender() protocol.Role { return protocol.Ingestor }

// RoomField is "instrument".
func (Retire) RoomField() string { return "instrument" }

// MembersOnly is false: an ingestor joins nothing.
func (Retire) MembersOnly() bool { return false }

// State is false: it is no value of its own, but replaces a price.
func (Retire) State() bool { return false }

// Ends is "price_update": the event takes the place of the instrument's price.
func (Retire) Ends() string { return protocol.TypePriceUpdate }

// Validate returns the event "retired".
func (Retire) Validate(obj *common.Object) (common.Event, error) {
	if err := obj.Only("instrument"); err != nil {
		return common.Event{}, err
	}
	instrument, err := obj.Room("instrument")
	if err != nil {
		return common.Event{}, err
	}
	payload := protocol.Retired(string(instrument))
	return common.Event{Room: string(instrument), Payload: payload}, nil
}
