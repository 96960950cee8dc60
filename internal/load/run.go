// Package load puts servers under load and measures them. It publishes at a rate, consumes
// with many connections, and checks the promise of the protocol for every consumer
// (RoomCheck). It returns latency, throughput and what went wrong as a Result. It has no flags
// and prints nothing: bench has the flags, and load/report formats the result.
package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"backbone/client"
)

// ErrInterrupted is returned by a Run whose context ended before anything was measured.
var ErrInterrupted = errors.New("interrupted before anything was measured")

// ConnectError is an instance that could not be connected to.
type ConnectError struct {
	URL       string
	Publisher bool // it was the publisher's connection, not one of a consumer
	Err       error
}

func (e *ConnectError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// run is one run. Its goroutine is the conductor; others publish, receive and record.
type run struct {
	// Immutable once conduct is called.
	Options
	rooms          *rooms
	stage          *stage
	recorder       *recorder
	hurry, release chan struct{} // closed by the conductor; see consumer
	finished       chan struct{}

	// Counted by the goroutines that see them.
	arrived       atomic.Int64 // consumers that have joined, or failed to
	rejected      atomic.Int64 // events, by the server
	disconnects   atomic.Int64 // of the publisher
	firstRejected chan error   // has at most one

	// Owned by the conductor.
	publisher  *publisher
	standing   fleet
	newcomers  fleet // of the storm
	random     *rand.Rand
	connected  arrival
	stormed    *arrival
	stormAt    time.Duration // by the clock
	begin, end time.Duration // of the measurement, by the clock
	idle       usage         // the server's, before any consumer had connected
	full       usage         // the server's, once all had connected
	began      usages        // at the begin of the measurement
	ended      usages        // at the end of the measurement
	unfinished int           // consumers that did not get all in time
}

// Run does one run. If ctx ends during the measurement, Run drains and returns what it has. If
// ctx ends earlier, it returns ErrInterrupted. A *ConnectError names an instance that could not
// be reached.
func Run(ctx context.Context, o Options) (*Result, error) {
	if len(o.ConsumeFrom) == 0 {
		o.ConsumeFrom = []string{o.PublishTo}
	}
	return newRun(o).conduct(ctx)
}

func newRun(o Options) *run {
	slots := min(max(int(o.For/(100*time.Millisecond)), 1), 100)
	r := &run{
		Options:       o,
		rooms:         newRooms(o.Rooms),
		stage:         &stage{clock: clock{time.Now()}, interval: o.For / time.Duration(slots)},
		recorder:      newRecorder(),
		hurry:         make(chan struct{}),
		release:       make(chan struct{}),
		finished:      make(chan struct{}, o.Consumers+o.SlowReaders+o.Storm),
		firstRejected: make(chan error, 1),
		random:        rand.New(rand.NewPCG(o.Seed, 0)),
	}
	kinds := kindsOf(o.Consumers, o.Slow, o.Stalled, r.random)
	for i, place := range r.random.Perm(o.Consumers) {
		r.standing = append(r.standing, r.consumer(kinds[i], place))
	}
	for place := range o.SlowReaders {
		r.standing = append(r.standing, r.consumer(slowReader, place))
	}
	for place := range o.Storm {
		r.newcomers = append(r.newcomers, r.consumer(stormConsumer, place))
	}
	return r
}

// consumer makes a consumer. Its rooms depend on its place, so that rooms fill evenly.
func (r *run) consumer(kind consumerKind, place int) *consumer {
	return &consumer{
		kind:      kind,
		rooms:     r.rooms,
		first:     place * r.Joins % r.Rooms,
		fromStart: kind != stormConsumer,
		pause:     schedule{r.SlowRate, 1}.due(1),
		readRate:  r.ReadRate,
		stage:     r.stage,
		hurry:     r.hurry, release: r.release,
		batches:  r.recorder.batches,
		finished: r.finished,
		checks:   make([]RoomCheck, r.Joins),
		open:     r.Joins,
	}
}

func (r *run) conduct(ctx context.Context) (*Result, error) {
	// The run outlives ctx: an interrupted one still counts what is on its way.
	life, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	go func() {
		select {
		case err := <-r.Abort:
			giveUp(err)
		case <-life.Done():
		}
	}()
	stopRecorder := r.record()
	ingestor, err := r.connect(ctx, life)
	if err == nil {
		err = r.measure(ctx, life, ingestor)
	}
	close(r.release)
	r.standing.close()
	r.newcomers.close()
	giveUp(nil)
	if ingestor != nil {
		_ = ingestor.CloseNow() // what it did not send is counted
	}
	stopRecorder()
	switch {
	case err != nil:
		return nil, err
	case r.end <= r.begin:
		return nil, ErrInterrupted
	}
	return r.result(ctx.Err() != nil), nil
}

// record runs the recorder until the function that it returns is called.
func (r *run) record() (stop func()) {
	var ticks <-chan time.Time
	stopTicks := func() {}
	if r.Progress != nil {
		ticker := time.NewTicker(r.ProgressEvery)
		ticks, stopTicks = ticker.C, ticker.Stop
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		r.recorder.run(ticks, func() { r.Progress(r.progress()) })
	}()
	return func() {
		close(r.recorder.batches)
		<-recorded
		stopTicks()
	}
}

// connect connects the publisher and the consumers, until ctx or life ends.
func (r *run) connect(ctx, life context.Context) (*client.Ingestor, error) {
	connecting, cancel := context.WithCancel(life)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	over := func() error {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		return context.Cause(life)
	}
	ingestor, err := client.DialIngestor(connecting, r.PublishTo, &client.IngestorOptions{Options: r.Client, OnEvent: r.hear})
	if ended := over(); ended != nil {
		return ingestor, ended
	}
	if err != nil {
		return nil, &ConnectError{r.PublishTo, true, err}
	}
	r.idle = r.used().server
	r.connected = r.standing.connect(connecting, r.ConsumeFrom, r.consumerOptions(), func() { r.arrived.Add(1) })
	if ended := over(); ended != nil {
		return ingestor, ended
	}
	if c := r.connected; c.err != nil {
		return ingestor, &ConnectError{r.ConsumeFrom[c.first%len(r.ConsumeFrom)], false, c.err}
	}
	r.full = r.used().server
	return ingestor, nil
}

func (r *run) consumerOptions() client.ConnOptions {
	o := client.ConnOptions{Options: r.Client}
	o.APIKey, o.ReceiveBuffer = r.ConsumerKey, r.ReceiveBuffer
	if o.APIKey != "" {
		o.Token = nil
	}
	return o
}

// hear takes what the SDK tells of the publisher's connection.
func (r *run) hear(e client.Event) {
	switch e := e.(type) {
	case client.Disconnected:
		r.disconnects.Add(1)
	case *client.RequestError:
		r.rejected.Add(1)
		select {
		case r.firstRejected <- e:
		default:
		}
	}
}
