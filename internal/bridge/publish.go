package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// publish sends what it is given of the outbox, one batch at a time. It ends the session
// at the first call that fails in a way that leaves its fate open.
func (x *session) publish(ctx context.Context) error {
	to := caller{names: x.names, origin: x.opts.Origin, ttl: x.opts.TTL}
	ticker := time.NewTicker(x.opts.Heartbeat)
	defer ticker.Stop()
	var refused partition.Set
	x.outlets.idle <- x.out
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			again, err := x.probe(ctx)
			if err != nil {
				return err
			}
			if refused |= again; refused != 0 {
				x.generation(ctx, refused)
				refused = 0
			}
		case batch := <-x.out.batches:
			missed, err := x.sendBatch(ctx, to, batch)
			if err != nil {
				return err
			}
			refused |= missed
			x.outlets.idle <- x.out
		}
	}
}

// sendBatch returns the partitions of which Redis has refused something.
func (x *session) sendBatch(ctx context.Context, to caller, batch []hub.BroadcastEvent) (refused partition.Set, err error) {
	left := trips(to.parcels(batch, time.Now().UnixNano()), x.link.together)
	for len(left) > 0 {
		missed, err := x.send(ctx, left[0])
		left = left[1:]
		if err != nil {
			x.count.drop(DropNotSent, countEvents(left...))
			return 0, err
		}
		refused |= missed
	}
	if refused != 0 {
		x.doubt()
	}
	return refused, nil
}

// send makes one round trip. Whatever is not answered by the script is in doubt, unless
// the server says that it did not run it.
func (x *session) send(ctx context.Context, calls []call) (refused partition.Set, err error) {
	timed, cancel := context.WithTimeout(ctx, x.opts.CallTimeout)
	defer cancel()
	answers, reloaded, err := x.link.write(timed, calls)
	for i, a := range answers {
		w, answerErr := decodeWritten(a)
		if answerErr != nil && elsewhere(answerErr) {
			x.count.drop(DropNotSent, calls[i].events())
			refused |= calls[i].partitions()
			if !x.sharded && err == nil {
				err = fmt.Errorf("outbox: %w", nodeOfCluster(answerErr))
			}
			continue
		}
		if answerErr != nil {
			x.count.drop(DropInDoubt, calls[i].events())
			if err == nil {
				err = fmt.Errorf("outbox: %w", answerErr)
			}
			continue
		}
		x.tally(w, calls[i].bytes())
		if w.demoted() && err == nil {
			err = errors.New("outbox: the server became a replica")
		}
	}
	if err == nil && reloaded {
		err = x.forgotten(ctx)
	}
	return refused, err
}

// elsewhere reports whether a node of a cluster did not run a script since the slot is,
// or may be, elsewhere, or the cluster is not whole.
func elsewhere(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, moved := e.IsMoved()
	_, ask := e.IsAsk()
	return moved || ask || e.IsTryAgain() || e.IsClusterDown()
}

// nodeOfCluster explains err of a server that was taken for the only one.
func nodeOfCluster(err error) error {
	return fmt.Errorf("the server is a node of a cluster and has not all rooms: use redis+cluster://: %w", err)
}

func (x *session) tally(w written, bytes int) {
	x.count.published.Add(uint64(w.taken))
	x.count.refused.Add(uint64(w.older))
	x.count.unchanged.Add(uint64(w.same))
	x.count.bytes.Add(uint64(bytes))
	x.count.bundles.Add(uint64(w.bundles))
	if clock := w.clock(); clock > 0 {
		x.clocks.raise(clock)
	}
	if w.failure != "" {
		x.count.storeFailed.Add(1)
		x.failsToStore(w.failure)
	}
}

func (x *session) failsToStore(reason string) {
	if !x.storeFailing {
		x.storeFailing = true
		x.log.Warn("redis publishes but does not store last prices", "shard", x.name, "reason", reason)
	}
}

// probe asks whether Redis stores values, and returns the partitions to begin anew when
// it does again: what was published meanwhile is missing there. Every instance asks,
// for the one that published it may be gone by then.
func (x *session) probe(ctx context.Context) (again partition.Set, err error) {
	if x.opts.TTL == 0 {
		return 0, nil
	}
	timed, cancel := context.WithTimeout(ctx, x.opts.CallTimeout)
	defer cancel()
	err = x.link.stores(timed, x.names.noPrice(x.partitions.First()))
	refusal, answered := rueidis.IsRedisErr(err)
	switch {
	case err == nil && x.storeFailing:
		x.storeFailing = false
		x.log.Info("redis stores last prices again", "shard", x.name)
		return x.partitions, nil
	case err == nil || elsewhere(err):
		return 0, nil
	case answered:
		x.failsToStore(refusal.Error())
		return 0, nil
	default:
		return 0, fmt.Errorf("outbox: %w", err)
	}
}

// forgotten begins a generation when Redis had lost the script: what else it lost is
// not known. If it is another Redis, as behind a proxy, the subscriptions are lost too.
func (x *session) forgotten(ctx context.Context) error {
	x.count.reloads.Add(1)
	timed, cancel := context.WithTimeout(ctx, x.opts.CallTimeout)
	defer cancel()
	now, err := x.link.whoami(timed)
	if err == nil {
		err = x.link.same(now)
	}
	if err == nil {
		x.generation(ctx, x.partitions)
	}
	return err
}
