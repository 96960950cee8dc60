package subscribe

import (
	"context"
	"errors"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
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
	raw     raw             // nil: events are printed
	table   *table          // nil: events are printed as they come
	idle    idle
	filter  *client.ChangeFilter // nil: each price is printed
	unheard unheard
}

func newSubscription(c *Cmd, s cli.Streams) *subscription {
	sub := &subscription{Cmd: c, Streams: s, open: map[string]bool{}, wanted: map[string]bool{}, filter: c.filter(), unheard: unheard{told: make(chan []string, 1)}}
	for _, room := range c.Rooms {
		sub.open[room], sub.wanted[room] = true, true
	}
	if c.Latency {
		sub.latency = newLatency()
	}
	format := c.form(s, c.Rooms)
	if c.SnapshotOnly && c.people(s) {
		sub.table = newTable(!cli.NoColor())
		format = sub.table.format(format)
	}
	sub.printer = cli.NewPrinterAs(s, format)
	if c.Raw {
		sub.raw = make(raw, rawBuffer)
	}
	return sub
}

// errEnough ends a subscription that has all it was to print.
var errEnough = errors.New("enough")

func (sub *subscription) run(ctx context.Context, conn *client.Conn, joined <-chan error) error {
	events := conn.Events()
	sub.idle = newIdle(sub.Idle)
	defer sub.idle.stop()
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
				if err := sub.drainRaw(); err != nil {
					return sub.result(err)
				}
				return sub.ended(ctx, conn.Err())
			}
			// "joined" comes first. A prefix can have more rooms than can be held.
			if joined != nil && sub.raw == nil && ofRoom(e) && len(sub.Prefixes) == 0 {
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
		case m := <-sub.raw:
			if err := sub.printRaw(m); err != nil {
				return sub.result(err)
			}
		case <-sub.idle.over():
			if sub.idle.is() {
				return sub.silent(sub.Idle, joined != nil)
			}
		case <-sub.unheard.due:
			sub.unheard.ask(ctx, conn)
		case lines := <-sub.unheard.told:
			sub.sayLines(lines)
		case <-report:
			if line := sub.latency.second(conn); line != "" {
				sub.Say("%s", line)
			}
		case <-timeout:
			return sub.timedOut(joined != nil)
		case <-ctx.Done():
			return sub.result(nil)
		}
		if len(events) == 0 && len(sub.raw) == 0 {
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
		first := sub.lost == nil
		sub.lost = e.Err
		sub.Say("disconnected: %s; trying again in %v", human.Error(e.Err), e.Wait.Round(time.Millisecond))
		if first {
			return sub.printer.Print(e, time.Now())
		}
		return nil
	case client.Rejoined:
		sub.lost = nil
		sub.Say("connected again")
		if err := sub.printer.Print(e, time.Now()); err != nil {
			return err
		}
		return sub.rejected(e.Rejected)
	case client.Moved:
		sub.Say("the server wanted this client elsewhere: moved, without a gap unless one is told")
		return sub.rejected(e.Rejected)
	case client.Joined:
		if _, err := sub.Joined(e.Rooms, nil); err != nil {
			return err
		}
		return sub.rejected(e.Rejected)
	case client.Missed:
		sub.missed(e)
		return sub.printer.Print(e, time.Now())
	case *client.RequestError:
		sub.Say("the server answers %s: %s", e.Code, e.Message)
		return nil
	case client.NoSnapshot:
		if sub.people(sub.Streams) {
			sub.unheard.add(e.Room)
		}
		if sub.SnapshotOnly && sub.wanted[e.Room] && sub.table == nil {
			sub.Say("%s: no last price is known", cli.Name(e.Room))
		}
		if !sub.MarkEmpty && sub.table == nil {
			return sub.answered(e.Room)
		}
		if err := sub.printer.Print(e, time.Now()); err != nil {
			return err
		}
		return sub.answered(e.Room)
	case client.PriceUpdate:
		sub.unheard.hears(e.Instrument)
		sub.latency.take(e, time.Now())
		if sub.SnapshotOnly && !sub.wanted[e.Instrument] || !sub.passes(e) {
			return nil
		}
		if err := sub.data(e); err != nil {
			return err
		}
		return sub.answered(e.Instrument)
	case client.ChatMessage, client.Retired:
		if !sub.passes(e) || sub.SnapshotOnly {
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

func (sub *subscription) data(e client.Event) error {
	if sub.raw != nil {
		return nil // it is printed, and counted, as the text that it was
	}
	if err := sub.printer.Print(e, time.Now()); err != nil {
		return err
	}
	return sub.counted()
}

// counted counts a price or message that is printed.
func (sub *subscription) counted() error {
	sub.idle.heard()
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
