package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/protocol"
)

const (
	// subscribeBuffer is the number of events that wait for the printer: bursts are
	// taken off the socket at once, so that the server has no reason to conflate.
	subscribeBuffer = 65536
	// snapshotWait bounds --snapshot-only where --for does not: a server answers within
	// about a second, even if it has to ask Redis.
	snapshotWait = 5 * time.Second
)

type subscribeCmd struct {
	Rooms []string `arg:"" name:"room" help:"Rooms to join. A room is an instrument, or any name to chat in."`

	Count        int           `placeholder:"N" help:"Stop after N prices and messages. 0 is no limit."`
	For          time.Duration `placeholder:"DURATION" help:"Stop after this time. Exit code 5 if nothing came. 0 is no limit."`
	SnapshotOnly bool          `help:"Print the last price of each room and stop. Exit code 5 if there is none."`
	MarkEmpty    bool          `help:"Also print rooms that have no last price."`
	Status       bool          `help:"Also print when a room's feed falls silent or is live again, and when the server loses the other instances."`

	connection `embed:""`
}

// Validate is called by kong.
func (c *subscribeCmd) Validate() error {
	for _, room := range c.Rooms {
		if !protocol.ValidRoom(room) {
			return config.Errorf("", "room %q: expected [A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", room)
		}
	}
	switch {
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	case c.SnapshotOnly && c.Count > 0:
		return config.Errorf("snapshot-only", "and --count exclude each other: leave one out")
	}
	return c.connection.Validate()
}

func (c *subscribeCmd) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt, err := c.options()
	if err != nil {
		return err
	}
	opt.Buffer = subscribeBuffer
	opt.MarkEmpty = c.MarkEmpty || c.SnapshotOnly
	opt.Status = c.Status
	conn, err := client.Dial(ctx, c.URL, opt)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return c.connectFailure(err)
	}
	defer conn.Close() //nolint:errcheck // always nil
	joined := make(chan error, 1)
	go func() { joined <- conn.Join(ctx, c.Rooms...) }()

	sub := newSubscription(c, s)
	err = sub.run(ctx, conn, joined)
	if flushed := sub.printer.flush(); err == nil {
		err = flushed
	}
	return err
}

// subscription is one run of subscribe.
type subscription struct {
	*subscribeCmd
	streams
	printer *printer
	open    map[string]bool // rooms that were not rejected
	wanted  map[string]bool // those without an answer yet, for --snapshot-only
	count   int             // prices and messages printed
	refused bool            // rooms were rejected
}

func newSubscription(c *subscribeCmd, s streams) *subscription {
	sub := &subscription{subscribeCmd: c, streams: s, printer: newPrinter(s, c.Rooms), open: map[string]bool{}, wanted: map[string]bool{}}
	for _, room := range c.Rooms {
		sub.open[room], sub.wanted[room] = true, true
	}
	return sub
}

// errEnough ends a subscription that has all it was to print.
var errEnough = errors.New("enough")

func (sub *subscription) run(ctx context.Context, conn *client.Conn, joined <-chan error) error {
	events := conn.Events()
	var timeout <-chan time.Time
	if limit := sub.limit(); limit > 0 {
		timeout = time.After(limit)
	}
	enough := false
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return sub.ended(ctx, conn.Err())
			}
			if err := sub.handle(e); errors.Is(err, errEnough) && joined != nil {
				enough, events = true, nil // the answer to the join tells what was refused
			} else if err != nil {
				return sub.result(err)
			}
			if len(events) == 0 {
				if err := sub.printer.flush(); err != nil {
					return err
				}
			}
		case err := <-joined:
			if err := sub.join(err); err != nil {
				return sub.ended(ctx, err)
			}
			joined = nil
			if enough || sub.complete() {
				return sub.result(errEnough)
			}
		case <-timeout:
			return sub.timedOut(joined != nil)
		case <-ctx.Done():
			return sub.result(nil)
		}
	}
}

func (sub *subscription) limit() time.Duration {
	if sub.SnapshotOnly && sub.For == 0 {
		return snapshotWait
	}
	return sub.For
}

// handle prints an event, or says it where it is no data.
func (sub *subscription) handle(e client.Event) error {
	switch e := e.(type) {
	case client.Connected:
		return nil
	case client.Disconnected:
		sub.say("disconnected: %s; trying again in %v", plain(e.Err), e.Wait.Round(time.Millisecond))
		return nil
	case client.Rejoined:
		sub.say("connected again")
		return sub.rejected(e.Rejected)
	case *client.RequestError:
		sub.say("the server answers %s: %s", e.Code, e.Message)
		return nil
	case client.NoSnapshot:
		if sub.SnapshotOnly && sub.wanted[e.Room] {
			sub.say("%s: no last price is known", e.Room)
		}
		if !sub.MarkEmpty {
			return sub.answered(e.Room)
		}
		if err := sub.printer.print(e, time.Now()); err != nil {
			return err
		}
		return sub.answered(e.Room)
	case client.PriceUpdate:
		if sub.SnapshotOnly && !sub.wanted[e.Instrument] {
			return nil
		}
		if err := sub.data(e); err != nil {
			return err
		}
		return sub.answered(e.Instrument)
	case client.ChatMessage:
		if sub.SnapshotOnly {
			return nil
		}
		return sub.data(e)
	default:
		return sub.printer.print(e, time.Now())
	}
}

func (sub *subscription) data(e client.Event) error {
	if err := sub.printer.print(e, time.Now()); err != nil {
		return err
	}
	if sub.count++; sub.count == sub.Count {
		return errEnough
	}
	return nil
}

// answered notes that the last price of a room is printed, or known to be unknown.
func (sub *subscription) answered(room string) error {
	delete(sub.wanted, room)
	if sub.complete() {
		return errEnough
	}
	return nil
}

// complete reports whether --snapshot-only waits for no further room.
func (sub *subscription) complete() bool { return sub.SnapshotOnly && len(sub.wanted) == 0 }

// join says what the join brought. Its error ends the subscription.
func (sub *subscription) join(err error) error {
	var rejected []protocol.Rejected
	if some, ok := errors.AsType[*client.JoinError](err); ok {
		rejected = some.Rejected
	} else if err != nil {
		return err
	}
	rooms := slices.DeleteFunc(slices.Clone(sub.Rooms), func(room string) bool {
		return slices.ContainsFunc(rejected, func(r protocol.Rejected) bool { return r.Room == room })
	})
	const named = 20
	switch {
	case len(rooms) > named:
		sub.say("joined %d rooms", len(rooms))
	case len(rooms) > 0:
		sub.say("joined %s", strings.Join(rooms, " "))
	}
	return sub.rejected(rejected)
}

// rejected says which rooms the server refused. It is an error once none is left.
func (sub *subscription) rejected(rooms []protocol.Rejected) error {
	for _, r := range rooms {
		sub.say("%s is refused: %s: %s", r.Room, r.Code, r.Message)
		sub.refused = true
		delete(sub.open, r.Room)
		delete(sub.wanted, r.Room)
	}
	if len(sub.open) == 0 {
		return failf(exitRejected, "no room is left to listen to")
	}
	return nil
}

// timedOut is the end that --for asked for; unjoined if the join was not answered.
func (sub *subscription) timedOut(unjoined bool) error {
	switch {
	case unjoined:
		return failf(exitNoData, "the server did not answer the join within %v", sub.limit())
	case sub.count == 0:
		return failf(exitNoData, "nothing came within %v", sub.limit())
	}
	return sub.result(nil)
}

// ended is the end that the caller did not ask for, unless ctx has ended.
func (sub *subscription) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return sub.result(nil)
	case errors.Is(err, client.ErrRefused):
		return sub.connectFailure(err)
	}
	return err
}

// result is the outcome of a subscription that ended with err.
func (sub *subscription) result(err error) error {
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return err
	case sub.SnapshotOnly && errors.Is(err, errEnough) && sub.count == 0:
		return failf(exitNoData, "no last price is known")
	case sub.refused:
		return failf(exitRejected, "some rooms were refused")
	}
	return nil
}
