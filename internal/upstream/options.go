package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/serverurl"
)

// Options are what an Upstream is built from.
type Options struct {
	URL string      // of servers, with commas between them
	TLS *tls.Config // for wss URLs; nil: the authorities of the system
	// Token is the SDK's: a key or a token for each connection. nil: none.
	Token func(context.Context) (string, error)

	// Reads delivers rooms that have members and whose last price is wanted: rooms to be joined.
	// Each is answered exactly once through Sink.LastPrices within ReadTimeout, unless Run ends first.
	Reads <-chan []string
	// Leaves delivers rooms that have no members any more. What Reads delivers of them later joins
	// them anew.
	Leaves <-chan []string

	Sink   Sink
	Logger *slog.Logger // nil: slog.Default

	// Valid reports whether an instance can have published the event. What does not pass it goes to
	// nobody. nil: all pass.
	Valid func(*hub.BroadcastEvent) bool

	// Chat is the text of a chat message as servers write it.
	Chat func(room, text string) (payload string, err error)

	ReadTimeout time.Duration // until a read is answered with an error; 0: 1 s
	Settle      time.Duration // after which the clocks of other epochs no longer matter on a connection; 0: 5 s
	Redial      time.Duration // wait after a server that is reached has refused this client; 0: 30 s
}

// Sink gets what comes from upstream. Each method blocks until the Sink has taken the report or
// ctx is done. See bridge.Sink, of which this is a part: here Remote tells in Missed what was left
// out before an event.
type Sink interface {
	Remote(ctx context.Context, events []hub.BroadcastEvent)
	LastPrices(ctx context.Context, rooms []string, found []hub.BroadcastEvent, err error)
	Generation(ctx context.Context, partitions partition.Set)
	State(ctx context.Context, ok bool, since time.Time)
}

func (o Options) withDefaults() Options {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.ReadTimeout = cmp.Or(o.ReadTimeout, time.Second)
	o.Settle = cmp.Or(o.Settle, 5*time.Second)
	o.Redial = cmp.Or(o.Redial, 30*time.Second)
	return o
}

// Shown is a list of URLs for people, without what may be secret in them.
func Shown(urls string) (string, error) {
	servers, err := serverurl.Parse(urls)
	if err != nil {
		return "", fmt.Errorf("the URL %w", err)
	}
	var text string
	for i, s := range servers {
		if i > 0 {
			text += ","
		}
		text += s.Shown("")
	}
	return text, nil
}
