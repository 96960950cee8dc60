package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"backbone/client"
	"backbone/internal/human"
)

// dialling is the number of connections that are made, or closed, at the same time.
const dialling = 128

// fleet is a number of consumers.
type fleet []*consumer

// arrival is how a fleet connected and joined.
type arrival struct {
	took    time.Duration
	joined  int
	latency *hdrhistogram.Histogram // of one consumer: connect and join
	failed  int
	first   int   // that failed
	err     error // why it did
}

// connect connects all consumers as fast as possible, by turns to one of urls. It returns once
// each has joined its rooms or failed. progress is called after each, from any goroutine.
func (f fleet) connect(ctx context.Context, urls []string, opt client.ConnOptions, progress func()) arrival {
	took, errs := make([]time.Duration, len(f)), make([]error, len(f))
	var g errgroup.Group
	g.SetLimit(dialling)
	begin := time.Now()
	for i, c := range f {
		g.Go(func() error {
			start := time.Now()
			errs[i] = c.connect(ctx, urls[i%len(urls)], opt)
			took[i] = time.Since(start)
			progress()
			return nil
		})
	}
	_ = g.Wait() // errors are told apart below
	a := arrival{took: time.Since(begin), latency: newLatencies(totalDigits)}
	for i, err := range errs {
		if err != nil {
			a.failed++
			if a.err == nil {
				a.first, a.err = i, err
			}
			continue
		}
		a.joined++
		record(a.latency, []int64{int64(took[i])})
	}
	if errors.Is(a.err, syscall.EMFILE) {
		a.err = fmt.Errorf("%w: each consumer needs a file descriptor: raise the limit with ulimit -n", human.Cause(a.err))
	}
	return a
}

// close ends all connections.
func (f fleet) close() {
	var closing sync.WaitGroup
	places := make(chan struct{}, dialling)
	for _, c := range f {
		places <- struct{}{}
		closing.Go(func() {
			c.close()
			<-places
		})
	}
	closing.Wait()
}

// kindsOf returns n kinds in these shares, rounded, in random order.
func kindsOf(n int, slow, stalled Share, random *rand.Rand) []consumerKind {
	kinds := make([]consumerKind, n)
	slows := slow.of(n)
	for i := range kinds {
		switch {
		case i < slows:
			kinds[i] = slowConsumer
		case i < min(slows+stalled.of(n), n):
			kinds[i] = stalledConsumer
		}
	}
	random.Shuffle(n, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	return kinds
}
