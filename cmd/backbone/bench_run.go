package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"backbone/client"
	"backbone/internal/cli"
)

// benchRun is one run of bench. Its goroutine is the conductor; others publish, receive
// and record.
type benchRun struct {
	// Immutable once run is called.
	*benchCmd
	cli.Streams
	server         *ownServer // nil: servers that were there before
	publish        cli.Connection
	consume        []cli.Connection // at least one; the consumers are shared out
	opt            client.Options
	rooms          *benchRooms
	stage          *benchStage
	recorder       *benchRecorder
	hurry, release chan struct{} // closed by the conductor; see benchConsumer
	finished       chan struct{}

	// Counted by the goroutines that see them.
	arrived       atomic.Int64 // consumers that have joined, or failed to
	rejected      atomic.Int64 // events, by the server
	disconnects   atomic.Int64 // of the publisher
	firstRejected chan error   // has at most one

	// Owned by the conductor.
	publisher  *benchPublisher
	standing   fleet
	newcomers  fleet // of the storm
	random     *rand.Rand
	connected  arrival
	stormed    *arrival
	stormAt    time.Duration // by the clock
	begin, end time.Duration // of the measurement, by the clock
	idle       spent         // the server's, before anybody had connected
	full       spent         // and once all had
	began      [2]spent      // server and tool, at the begin of the measurement
	ended      [2]spent      // and at its end
	unfinished int           // consumers that did not get all in time
}

func newBenchRun(c *benchCmd, s cli.Streams) *benchRun {
	slots := min(max(int(c.For/(100*time.Millisecond)), 1), 100)
	b := &benchRun{
		benchCmd: c, Streams: s,
		rooms:         newBenchRooms(c.Rooms),
		stage:         &benchStage{clock: benchClock{time.Now()}, interval: c.For / time.Duration(slots)},
		recorder:      newBenchRecorder(),
		hurry:         make(chan struct{}),
		release:       make(chan struct{}),
		finished:      make(chan struct{}, c.Consumers+c.Storm),
		firstRejected: make(chan error, 1),
		random:        rand.New(rand.NewPCG(c.Seed, 0)),
	}
	kinds := kindsOf(c.Consumers, c.Slow, c.Stalled, b.random)
	for i, place := range b.random.Perm(c.Consumers) {
		b.standing = append(b.standing, b.consumer(kinds[i], place))
	}
	for place := range c.Storm {
		b.newcomers = append(b.newcomers, b.consumer(stormConsumer, place))
	}
	return b
}

// consumer makes one whose rooms follow its place, so that rooms fill evenly.
func (b *benchRun) consumer(kind consumerKind, place int) *benchConsumer {
	return &benchConsumer{
		kind:      kind,
		rooms:     b.rooms,
		first:     place * b.Joins % b.Rooms,
		fromStart: kind != stormConsumer,
		pause:     cli.Gap(b.SlowRate),
		stage:     b.stage,
		hurry:     b.hurry, release: b.release,
		batches:  b.recorder.batches,
		finished: b.finished,
		checks:   make([]roomCheck, b.Joins),
		open:     b.Joins,
	}
}

// run does the run. There is no result, and no error, if ctx ends before anything was
// measured.
func (b *benchRun) run(ctx context.Context) (*benchResult, error) {
	// The run outlives ctx: an interrupted one still counts what is on its way.
	life, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	if b.server != nil {
		go func() {
			select {
			case <-b.server.exited:
				giveUp(fmt.Errorf("the server for this run has ended: %w", b.server.err))
			case <-life.Done():
			}
		}()
	}
	recorded := make(chan struct{})
	progress := b.startProgress()
	go func() {
		defer close(recorded)
		b.recorder.run(progress.ticks(), progress.show)
	}()
	stopRecorder := func() {
		close(b.recorder.batches)
		<-recorded
		progress.clear()
	}
	ingestor, err := b.connect(ctx, life)
	if err == nil && ctx.Err() == nil {
		err = b.measure(ctx, life, ingestor)
	}
	close(b.release)
	b.standing.close()
	b.newcomers.close()
	giveUp(nil)
	if ingestor != nil {
		_ = ingestor.CloseNow() // what it did not send is counted
	}
	stopRecorder()
	if err != nil || b.end <= b.begin {
		if ctx.Err() != nil && err == nil {
			b.Say("interrupted before anything was measured")
			return nil, nil //nolint:nilnil // no result is what there is
		}
		return nil, err
	}
	return b.result(ctx.Err() != nil), nil
}

// connect connects the publisher and the consumers, until ctx or life ends. The end of ctx
// is not an error.
func (b *benchRun) connect(ctx, life context.Context) (*client.Ingestor, error) {
	connecting, cancel := context.WithCancel(life)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	ingestor, err := client.DialIngestor(connecting, b.publish.URL, &client.IngestorOptions{Options: b.opt, OnEvent: b.hear})
	if ctx.Err() != nil {
		return ingestor, nil
	}
	if err != nil {
		return nil, b.publish.Failure(err)
	}
	b.idle = b.used()[0]
	b.connected = b.standing.connect(connecting, b.consumeURLs(), b.consumerOptions(), func() { b.arrived.Add(1) })
	if ctx.Err() != nil {
		return ingestor, nil
	}
	if c := b.connected; c.err != nil {
		return ingestor, b.consume[c.first%len(b.consume)].Failure(c.err)
	}
	b.full = b.used()[0]
	return ingestor, nil
}

func (b *benchRun) consumeURLs() (urls []string) {
	for i := range b.consume {
		urls = append(urls, b.consume[i].URL)
	}
	return urls
}

func (b *benchRun) consumerOptions() client.ConnOptions {
	o := client.ConnOptions{Options: b.opt}
	o.APIKey, o.ReceiveBuffer = "", b.ReceiveBuffer
	return o
}

// hear takes what the SDK tells of the publisher's connection.
func (b *benchRun) hear(e client.Event) {
	switch e := e.(type) {
	case client.Disconnected:
		b.disconnects.Add(1)
	case *client.RequestError:
		b.rejected.Add(1)
		select {
		case b.firstRejected <- e:
		default:
		}
	}
}

// used reads what the server, if it is our own, and this program have used.
func (b *benchRun) used() (u [2]spent) {
	if b.server != nil {
		u[0] = spentBy(b.server.pid)
	}
	u[1] = spentBy(os.Getpid())
	return u
}
