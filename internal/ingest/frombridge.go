package ingest

import (
	"context"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// FromBridge is how the bridge reports to ingest. Its methods are safe for concurrent use by
// multiple goroutines. Each blocks until ingest has received the report, or ctx ends.
type FromBridge struct{ in *Ingest }

// FromBridge returns what the bridge reports to.
func (in *Ingest) FromBridge() FromBridge { return FromBridge{in} }

// Remote hands over events of other instances, in the order of arrival.
func (b FromBridge) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	b.send(ctx, input{kind: remote, events: events})
}

// LastPrices reports the values that were found of rooms received from Options.Reads.
func (b FromBridge) LastPrices(ctx context.Context, rooms []string, found []hub.BroadcastEvent, err error) {
	b.send(ctx, input{kind: lastPrices, rooms: rooms, events: found, failed: err != nil})
}

// Generation reports that a generation of the partitions begins.
func (b FromBridge) Generation(ctx context.Context, partitions partition.Set) {
	b.send(ctx, input{kind: newGeneration, number: uint64(partitions)})
}

// Clock reports a clock that was seen elsewhere.
func (b FromBridge) Clock(ctx context.Context, clock uint64) {
	b.send(ctx, input{kind: foreignClock, number: clock})
}

// State reports that the bridge works, or does not, since a time.
func (b FromBridge) State(ctx context.Context, ok bool, since time.Time) {
	b.send(ctx, input{kind: bridgeState, failed: !ok, number: uint64(max(0, since.UnixMilli()))})
}

func (b FromBridge) send(ctx context.Context, i input) {
	select {
	case b.in.inputs <- i:
	case <-ctx.Done():
	case <-b.in.done:
	}
}
