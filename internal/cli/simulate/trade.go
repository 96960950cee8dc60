package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/market"
	"backbone/protocol"
)

const (
	lastWords  = 5 * time.Second  // bounds the wait for the server's last answers
	retireWait = 10 * time.Second // and that for --retire
	retiring   = 64               // instruments at the same time
)

// trade publishes, and reports what the server took.
func (c *Cmd) trade(ctx context.Context, s cli.Streams, ingestor *client.Ingestor, told *tally) error {
	names := market.Names(c.Instruments)
	s.Say("simulating %s, %s to %s, at %s a second; Ctrl-C ends",
		human.Things(len(names), "instrument"), cli.Name(c.Prefix+names[0]), cli.Name(c.Prefix+names[len(names)-1]), human.Count(c.Rate))
	began := time.Now()
	sent, err := c.publish(ctx, ingestor)
	took := time.Since(began)

	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer stop()
	flushed := ingestor.Flush(ending)
	if err == nil && c.Retire {
		err = c.retire(context.WithoutCancel(ctx), ingestor, names)
	}
	if ended := ingestor.Err(); ended != nil {
		err = c.Failure(ended)
	}
	_ = ingestor.CloseNow() // what was published is flushed; after it nothing is told any more
	s.Say("sent %s in %.3f s (%s/s)%s", human.Things(sent, "price"), took.Seconds(), human.Group(int(float64(sent)/max(took.Seconds(), 1e-9))), told.sum())
	switch {
	case err != nil:
		return err
	case len(told.rejected) > 0:
		return cli.Failf(cli.ExitRejected, "some of the prices were rejected")
	case flushed != nil:
		return cli.Failf(cli.ExitRejected, "the last prices may be lost: %s", human.Error(flushed))
	}
	return nil
}

// publish publishes each price when it is due. It returns how many it gave to the SDK.
func (c *Cmd) publish(ctx context.Context, ingestor *client.Ingestor) (sent int, err error) {
	if c.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	prices, pace := c.market(), cli.NewPacer()
	for ; c.Count == 0 || sent < c.Count; sent++ {
		t := prices.Next()
		if pace.Wait(ctx, t.After) != nil {
			return sent, nil
		}
		if err := ingestor.Publish(ctx, c.update(t, time.Now())); err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return sent, err
		}
	}
	return sent, nil
}

// retire retires all instruments, several at the same time.
func (c *Cmd) retire(ctx context.Context, ingestor *client.Ingestor, names []string) error {
	ctx, stop := context.WithTimeout(ctx, retireWait)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(retiring)
	for _, name := range names {
		group.Go(func() error { return ingestor.Retire(ctx, c.Prefix+name) })
	}
	if err := group.Wait(); err != nil {
		return cli.Failf(cli.ExitRejected, "not all instruments are retired: %s", human.Error(err))
	}
	return nil
}

// tally counts what the server did not take. The SDK's calls of hear own it, which come one at
// a time, and after the end of the ingestor who started it.
type tally struct {
	cli.Streams
	rejected map[protocol.Code]uint64
	leftOut  uint64
	outages  int
	away     bool
}

// hear is called by the ingestor.
func (t *tally) hear(e client.Event) {
	switch e := e.(type) {
	case client.Disconnected:
		if !t.away {
			t.away = true
			t.outages++
			t.Say("%s: trying to connect again", human.Error(e.Err))
		}
	case client.Connected:
		if t.away {
			t.away = false
			t.Say("connected again")
		}
	case client.LeftOut:
		t.leftOut += e.Conflated + e.Dropped
	case *client.RequestError:
		if t.rejected[e.Code]++; t.rejected[e.Code] == 1 {
			t.Say("a price was rejected: %s: %s", e.Code, e.Message)
		}
	}
}

// sum is what is to be said about what was not taken, empty if all was.
func (t *tally) sum() string {
	var parts []string
	for code, n := range t.rejected {
		parts = append(parts, fmt.Sprintf(", rejected %s (%s)", human.Group(n), code))
	}
	slices.Sort(parts)
	if t.leftOut > 0 {
		parts = append(parts, fmt.Sprintf(", left out %s while there was no connection", human.Group(t.leftOut)))
	}
	if t.outages > 0 {
		parts = append(parts, fmt.Sprintf(", %s: what was on its way then may be lost", human.Things(t.outages, "lost connection")))
	}
	return strings.Join(parts, "")
}
