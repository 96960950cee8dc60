package subscribe

import (
	"context"
	"errors"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/protocol"
)

// join says what the join brought. Its error ends the subscription.
func (sub *subscription) join(err error) error {
	rejected, err := sub.Joined(sub.Rooms, err)
	if err != nil {
		return err
	}
	return sub.rejected(rejected)
}

// rejected says which rooms the server refused. It is an error once none is left.
func (sub *subscription) rejected(rooms []protocol.Rejected) error {
	for _, r := range rooms {
		sub.Refused(r)
		sub.refused = true
		delete(sub.open, r.Room)
		delete(sub.wanted, r.Room)
	}
	if len(sub.open) == 0 && len(sub.Prefixes) == 0 {
		return cli.Failf(cli.ExitRejected, "no room is left to listen to")
	}
	return nil
}

// timedOut is the end that --for asked for; unjoined if the join was not answered.
func (sub *subscription) timedOut(unjoined bool) error {
	if unjoined || sub.count == 0 {
		return sub.silent(sub.limit(), unjoined)
	}
	return sub.result(nil)
}

// silent is the end after a time in which nothing came.
func (sub *subscription) silent(d time.Duration, unjoined bool) error {
	switch {
	case sub.lost != nil:
		return cli.Failf(cli.ExitNoData, "nothing came within %v: the connection was lost: %s", d, human.Error(sub.lost))
	case unjoined:
		return cli.Failf(cli.ExitNoData, "the server did not answer the join within %v", d)
	case sub.count > 0:
		return cli.Failf(cli.ExitNoData, "nothing more came within %v", d)
	}
	return cli.Failf(cli.ExitNoData, "nothing came within %v", d)
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
