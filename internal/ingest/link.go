package ingest

import (
	"context"
	"time"

	"backbone/internal/hub"
)

// Link is ingest as the bridge sees it. Each method blocks until ingest has taken the
// report, or ctx ends.
type Link struct{ in *Ingest }

// Link returns ingest as the bridge sees it.
func (in *Ingest) Link() Link { return Link{in} }

// Remote hands over events of other instances, in the order of arrival.
func (l Link) Remote(ctx context.Context, events []hub.BroadcastEvent) {
	l.send(ctx, input{kind: remote, events: events})
}

// LastPrices answers one slice taken from Options.Reads.
func (l Link) LastPrices(ctx context.Context, rooms []string, found []hub.BroadcastEvent, err error) {
	l.send(ctx, input{kind: lastPrices, rooms: rooms, events: found, failed: err != nil})
}

// Generation says that the partitions in mask were linked anew.
func (l Link) Generation(ctx context.Context, mask uint64) {
	l.send(ctx, input{kind: linkedAnew, number: mask})
}

// Clock says that clock was seen elsewhere.
func (l Link) Clock(ctx context.Context, clock uint64) {
	l.send(ctx, input{kind: foreignClock, number: clock})
}

// State says that the link to other instances works, or does not, since then.
func (l Link) State(ctx context.Context, ok bool, since time.Time) {
	l.send(ctx, input{kind: linkState, failed: !ok, number: uint64(max(0, since.UnixMilli()))})
}

func (l Link) send(ctx context.Context, i input) {
	select {
	case l.in.inputs <- i:
	case <-ctx.Done():
	case <-l.in.done:
	}
}
