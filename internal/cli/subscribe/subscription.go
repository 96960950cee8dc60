package subscribe

import (
	"context"
	"errors"
	"slices"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/protocol"
)

// subscription is one run of subscribe.
type subscription struct {
	*Cmd
	cli.Streams
	printer *cli.Printer
	open    map[string]bool // rooms that were not rejected
	wanted  map[string]bool // those without an answer yet, for --snapshot-only
	held    []client.Event  // received and not looked at: the join is not answered
	count   int             // prices and messages printed
	refused bool            // rooms were rejected
	lost    error           // why there is no connection; nil while there is one
	latency *latency        // nil: it is not asked for
}

func newSubscription(c *Cmd, s cli.Streams) *subscription {
	sub := &subscription{Cmd: c, Streams: s, printer: cli.NewPrinter(s, c.Rooms), open: map[string]bool{}, wanted: map[string]bool{}}
	for _, room := range c.Rooms {
		sub.open[room], sub.wanted[room] = true, true
	}
	if c.Latency {
		sub.latency = newLatency()
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
	var report <-chan time.Time
	if sub.latency != nil {
		seconds := time.NewTicker(latencyEvery)
		defer seconds.Stop()
		report = seconds.C
	}
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return sub.ended(ctx, conn.Err())
			}
			if joined != nil && ofRoom(e) { // "joined" comes first
				if sub.held = append(sub.held, e); len(sub.held) == cli.EventBuffer {
					events = nil // further ones wait where they are
				}
				continue
			}
			if err := sub.handle(e); err != nil {
				return sub.result(err)
			}
		case err := <-joined:
			if err := sub.join(err); err != nil {
				return sub.ended(ctx, err)
			}
			joined, events = nil, conn.Events()
			if err := sub.release(); err != nil {
				return sub.result(err)
			}
		case <-report:
			if line := sub.latency.second(conn); line != "" {
				sub.Say("%s", line)
			}
		case <-timeout:
			return sub.timedOut(joined != nil)
		case <-ctx.Done():
			return sub.result(nil)
		}
		if len(events) == 0 {
			if err := sub.printer.Flush(); err != nil {
				return err
			}
		}
	}
}

// ofRoom reports whether e is of a room, rather than of the connection.
func ofRoom(e client.Event) bool {
	switch e.(type) {
	case client.Connected, client.Disconnected, client.Rejoined, client.Moved, *client.RequestError:
		return false
	}
	return true
}

// release handles what was held until the join was answered.
func (sub *subscription) release() error {
	for _, e := range sub.held {
		if err := sub.handle(e); err != nil {
			return err
		}
	}
	sub.held = nil
	if sub.complete() {
		return errEnough
	}
	return nil
}

func (sub *subscription) limit() time.Duration {
	if sub.SnapshotOnly && sub.For == 0 {
		return snapshotWait
	}
	return sub.For
}

// handle prints an event that is data, and says any other.
func (sub *subscription) handle(e client.Event) error {
	switch e := e.(type) {
	case client.Connected:
		return nil
	case client.Disconnected:
		sub.lost = e.Err
		sub.Say("disconnected: %s; trying again in %v", human.Error(e.Err), e.Wait.Round(time.Millisecond))
		return nil
	case client.Rejoined:
		sub.lost = nil
		sub.Say("connected again")
		return sub.rejected(e.Rejected)
	case client.Moved:
		sub.Say("the server wanted this client elsewhere: moved, without a gap unless one is told")
		return sub.rejected(e.Rejected)
	case client.Missed:
		sub.missed(e)
		return nil
	case *client.RequestError:
		sub.Say("the server answers %s: %s", e.Code, e.Message)
		return nil
	case client.NoSnapshot:
		if sub.SnapshotOnly && sub.wanted[e.Room] {
			sub.Say("%s: no last price is known", cli.Name(e.Room))
		}
		if !sub.MarkEmpty {
			return sub.answered(e.Room)
		}
		if err := sub.printer.Print(e, time.Now()); err != nil {
			return err
		}
		return sub.answered(e.Room)
	case client.PriceUpdate:
		sub.latency.take(e, time.Now())
		if sub.SnapshotOnly && !sub.wanted[e.Instrument] {
			return nil
		}
		if err := sub.data(e); err != nil {
			return err
		}
		return sub.answered(e.Instrument)
	case client.ChatMessage, client.Retired:
		if sub.SnapshotOnly {
			return nil
		}
		return sub.data(e)
	case client.Unknown: // an event of a type that this version does not know is data too
		if sub.SnapshotOnly {
			return nil
		}
		return sub.data(e)
	default:
		return sub.printer.Print(e, time.Now())
	}
}

// sayLatency says the latency of the whole run, if that is asked for.
func (sub *subscription) sayLatency() {
	if sub.latency == nil {
		return
	}
	for _, line := range sub.latency.total() {
		sub.Say("%s", line)
	}
}

// missed says what was missed while there was no connection.
func (sub *subscription) missed(m client.Missed) {
	room := cli.Name(m.Room)
	switch {
	case m.Exact:
		sub.Say("%s: %d prices were missed while there was no connection", room, m.Events)
	case m.Events > 0:
		sub.Say("%s: at least %d prices were missed while there was no connection", room, m.Events)
	default:
		sub.Say("%s: it is not known how many prices were missed while there was no connection", room)
	}
}

func (sub *subscription) data(e client.Event) error {
	if err := sub.printer.Print(e, time.Now()); err != nil {
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
		sub.Say("joined %d rooms", len(rooms))
	case len(rooms) > 0:
		sub.Say("joined %s", cli.Names(rooms))
	}
	return sub.rejected(rejected)
}

// rejected says which rooms the server refused. It is an error once none is left.
func (sub *subscription) rejected(rooms []protocol.Rejected) error {
	for _, r := range rooms {
		sub.Say("%s is refused: %s: %s", cli.Name(r.Room), r.Code, r.Message)
		sub.refused = true
		delete(sub.open, r.Room)
		delete(sub.wanted, r.Room)
	}
	if len(sub.open) == 0 {
		return cli.Failf(cli.ExitRejected, "no room is left to listen to")
	}
	return nil
}

// timedOut is the end that --for asked for; unjoined if the join was not answered.
func (sub *subscription) timedOut(unjoined bool) error {
	switch {
	case sub.lost != nil && (unjoined || sub.count == 0):
		return cli.Failf(cli.ExitNoData, "nothing came within %v: the connection was lost: %s", sub.limit(), human.Error(sub.lost))
	case unjoined:
		return cli.Failf(cli.ExitNoData, "the server did not answer the join within %v", sub.limit())
	case sub.count == 0:
		return cli.Failf(cli.ExitNoData, "nothing came within %v", sub.limit())
	}
	return sub.result(nil)
}

// ended is the outcome when the connection ends before the subscription has all it wants.
func (sub *subscription) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return sub.result(nil)
	case errors.Is(err, client.ErrRefused):
		return sub.Failure(err)
	}
	return err
}

// result is the outcome of a subscription that ended with err.
func (sub *subscription) result(err error) error {
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return err
	case sub.SnapshotOnly && errors.Is(err, errEnough) && sub.count == 0:
		return cli.Failf(cli.ExitNoData, "no last price is known")
	case sub.refused:
		return cli.Failf(cli.ExitRejected, "some rooms were refused")
	}
	return nil
}
