package load_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/load"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are a short run on a server of the test's own.
func options(t *testing.T) load.Options {
	t.Helper()
	return load.Options{
		PublishTo: servertest.Start(t).URL(),
		Shape: load.Shape{
			Consumers: 10, Rooms: 3, Joins: 2, Rate: 1000, Burst: 5, SlowRate: 100, ReceiveBuffer: -1,
			Storm: 5, Seed: 1, For: 300 * time.Millisecond, Warmup: 50 * time.Millisecond, Drain: 10 * time.Second,
		},
	}
}

func TestARunMeasuresWhatItPublishes(t *testing.T) {
	o := options(t)
	var states atomic.Int64 // a bit each
	o.Progress, o.ProgressEvery = func(p load.Progress) { states.Or(1 << p.State) }, 20*time.Millisecond
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Wrong() > 0 || r.Publish.Sent != r.Publish.Due || r.Publish.Sent != 300 {
		t.Errorf("published %+v, delivered %+v", r.Publish, r.Delivery)
	}
	if r.Connect.Joined != 10 || r.Storm == nil || r.Storm.Joined != 5 || r.Latency.Consumers.Count == 0 {
		t.Errorf("connected %+v, storm %+v, latency %+v", r.Connect, r.Storm, r.Latency.Consumers)
	}
	if states.Load()&(1<<load.Measuring) == 0 {
		t.Errorf("progress was told of the states %b", states.Load())
	}
}

func TestAnInterruptedRunHasAResultOnceItMeasures(t *testing.T) {
	o := options(t)
	o.For = time.Hour
	ctx, interrupt := context.WithCancel(t.Context())
	o.Progress, o.ProgressEvery = func(p load.Progress) {
		if p.State == load.Measuring && p.Sent > 100 {
			interrupt()
		}
	}, 10*time.Millisecond
	r, err := load.Run(ctx, o)
	if err != nil || !r.Interrupted || r.Wrong() > 0 {
		t.Errorf("result %+v, error %v", r, err)
	}
	if r, err := load.Run(ctx, o); !errors.Is(err, load.ErrInterrupted) {
		t.Errorf("interrupted before it began: result %+v, error %v", r, err)
	}
}

func TestARunThatIsAbortedFails(t *testing.T) {
	o := options(t)
	o.For = time.Hour
	gone := errors.New("the server has gone")
	abort := make(chan error, 1)
	abort <- gone
	o.Abort = abort
	if r, err := load.Run(t.Context(), o); !errors.Is(err, gone) {
		t.Errorf("result %+v, error %v", r, err)
	}
}

func TestARunSaysWhoCouldNotBeReached(t *testing.T) {
	const nobody = "ws://127.0.0.1:1"
	o := options(t)
	o.ConsumeFrom = []string{nobody}
	for _, publisher := range []bool{false, true} {
		if publisher {
			o.PublishTo = nobody
		}
		_, err := load.Run(t.Context(), o)
		failed, ok := errors.AsType[*load.ConnectError](err)
		if !ok || failed.URL != nobody || failed.Publisher != publisher {
			t.Errorf("publisher %v: %v", publisher, err)
		}
	}
}
