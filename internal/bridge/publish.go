package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/awake"
	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// publish sends what outlets hands to the session. It ends the session at the first call
// whose failure leaves its fate open.
func (x *session) publish(ctx context.Context) error {
	to := bundler{names: x.shared.names, ttl: x.shared.opts.TTL}
	with := &composer{names: x.shared.names, instance: x.shared.opts.Instance, ttl: x.shared.opts.TTL}
	anew := &composer{names: with.names, instance: with.instance} // neither stores nor compares
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	var refused partition.Set
	behind := false // an older instance may have missed what was written in form 2
	values := unstored{every: x.shared.opts.StoreInterval}
	x.shared.outlets.idle <- idle{out: x.out}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			again, err := x.probe(ctx)
			if err == nil {
				err = x.slotsOnTheWay(ctx)
			}
			if err != nil {
				return err
			}
			if refused |= again; refused != 0 {
				x.generation(ctx, refused)
				refused = 0
			}
		case <-x.forms.back:
			behind = true
			x.generation(ctx, x.shard.held.load())
		case <-values.due:
			again, err := x.store(ctx, with, &values)
			if err != nil {
				return err
			}
			refused |= again
		case events := <-x.out.events:
			form := x.forms.form()
			with.form, anew.form, to.whole = form, form, form == wire.Form2 && x.conns.together
			behind = behind && form == wire.Form1
			events, leftOut := to.late(events, moment.Now().Steady)
			x.shared.count.conflated.Add(uint64(leftOut))
			missed, moved, err := x.sendAll(ctx, with, to.bundles(events))
			back := moved.unsent(events)
			if err != nil {
				x.shared.count.drop(DropNotSent, len(back))
				return err
			}
			refused |= missed
			if x.storesLater() {
				values.add(events, missed|moved.partitions)
			}
			switch {
			case len(events) == 0: // someone waits until all is stored, perhaps to stop
				if missed, err = x.store(ctx, with, &values); missed != 0 {
					x.shared.log.Warn("redis has not stored some last prices, because their slots are moving", "shard", x.shard.name, "partitions", missed.Len())
				}
			case values.bytes > maxUnstored:
				missed, err = x.store(ctx, with, &values)
			case behind && !x.storesLater():
				missed, err = x.sendAgain(ctx, anew, to.bundles(offers(events)))
			}
			if err != nil {
				x.shared.count.drop(DropNotSent, len(back))
				return err
			}
			refused |= missed
			x.shared.outlets.idle <- idle{x.out, back, moved.partitions}
			x.moved.add(moved.partitions)
		}
	}
}

// sendAgain returns the partitions whose offers a generation has to repeat.
func (x *session) sendAgain(ctx context.Context, with *composer, bundles []bundle) (refused partition.Set, err error) {
	refused, moved, err := x.sendAll(ctx, with, bundles)
	return refused | moved.partitions, err
}

// moved says of which partitions the master took nothing from some event on, because another
// master has their slots, and how many events of each partition it took before.
type moved struct {
	partitions partition.Set
	taken      [partition.Count]int
}

// unsent returns those of events that were not taken because their partition moved.
func (m moved) unsent(events []hub.BroadcastEvent) (back []hub.BroadcastEvent) {
	if m.partitions == 0 {
		return nil
	}
	for i := range events {
		p := partition.Of(events[i].Room)
		switch {
		case !m.partitions.Has(p):
		case m.taken[p] > 0:
			m.taken[p]--
		default:
			back = append(back, events[i])
		}
	}
	return back
}

// sendAll returns the partitions of which Redis has refused something, and what moved.
func (x *session) sendAll(ctx context.Context, with *composer, bundles []bundle) (refused partition.Set, m moved, err error) {
	left := roundTrips(bundles, x.conns.together)
	for len(left) > 0 && err == nil {
		trip := left[0].without(m.partitions)
		left = left[1:]
		if len(trip) == 0 {
			continue
		}
		var missed, moved partition.Set
		missed, moved, err = x.send(ctx, with, trip)
		refused |= missed
		m.partitions |= moved
		for _, c := range trip {
			for i := range c {
				if p := c[i].partitions.First(); !moved.Has(p) { // only where each bundle is of one
					m.taken[p] += len(c[i].events)
				}
			}
		}
	}
	for _, trip := range left { // after an error
		x.shared.count.drop(DropNotSent, trip.without(m.partitions).events())
	}
	if refused|m.partitions != 0 {
		x.shared.doubt()
	}
	return refused, m, err
}

// send makes one round trip. A call that the script does not answer is in doubt, unless the
// server says that it did not run the script.
func (x *session) send(ctx context.Context, with *composer, trip roundTrip) (refused, moved partition.Set, err error) {
	timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
	defer cancel()
	var answers []outcome
	var reloaded bool
	if x.storesLater() {
		answers = x.conns.publish(timed, with, trip)
	} else {
		answers, reloaded, err = x.conns.write(timed, with, trip)
	}
	for i, a := range answers {
		w, answerErr := a.written, a.err
		if a.repeated {
			x.shared.count.repeated.Add(1)
		}
		if no, ok := rueidis.IsRedisErr(answerErr); ok && x.shared.bySlot && elsewhere(no) && !movedAway(no) && err == nil {
			w, answerErr = x.conns.publishOnly(timed, with, trip[i])
			switch {
			case no.IsClusterDown():
				w.failure = no.Error()
			case answerErr == nil: // the slot is on its way
				refused |= trip[i].partitions()
				x.stalled.partitions |= trip[i].partitions()
				x.shared.count.storeFailed.Add(1)
			}
		}
		if x.shared.bySlot && movedAway(answerErr) {
			moved |= trip[i].partitions()
			continue
		}
		if answerErr != nil && elsewhere(answerErr) {
			x.shared.count.drop(DropNotSent, trip[i].events())
			refused |= trip[i].partitions()
			if !x.shared.bySlot && err == nil {
				err = fmt.Errorf("outbox: %w", nodeOfCluster(answerErr))
			}
			continue
		}
		if answerErr != nil {
			x.shared.count.drop(DropInDoubt, trip[i].events())
			if err == nil {
				err = fmt.Errorf("outbox: %w", answerErr)
			}
			continue
		}
		x.tally(w, trip[i].bytes())
		if w.demoted() && err == nil {
			err = errors.New("outbox: the server became a replica")
		}
	}
	if err == nil && reloaded {
		err = x.forgotten(ctx)
	}
	return refused, moved, err
}

func (x *session) tally(w written, bytes int) {
	x.shared.count.published.Add(uint64(w.accepted))
	x.shared.count.refused.Add(uint64(w.older))
	x.shared.count.unchanged.Add(uint64(w.same))
	x.shared.count.bytes.Add(uint64(bytes))
	x.shared.count.bundles.Add(uint64(w.bundles))
	x.found(w)
}

// found passes on what a script found out besides what became of the events.
func (x *session) found(w written) {
	if clock := w.clock(); clock > 0 {
		x.shared.clocks.raise(clock)
	}
	x.shared.garbage.found(foreignValue, w.where, w.foreign)
	if w.failure != "" {
		x.shared.count.storeFailed.Add(1)
		x.failsToStore(w.failure)
	}
}

func (x *session) failsToStore(reason string) {
	if !x.shard.storeFailing {
		reason = inWords(errors.New(reason))
		x.shard.storeFailing = true
		x.shared.log.Warn("redis publishes but does not store last prices", "shard", x.shard.name, "reason", reason)
	}
}

// probe asks whether Redis stores values. Once it does again, probe returns all partitions,
// because Redis lacks what was published meanwhile. Every instance asks: the one that
// published may be gone by then.
func (x *session) probe(ctx context.Context) (again partition.Set, err error) {
	if x.shared.opts.TTL == 0 {
		return 0, nil
	}
	timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
	defer cancel()
	held := x.shard.held.load()
	there := held &^ x.stalled.partitions // the others are refused whatever Redis stores
	if there == 0 {
		return 0, nil
	}
	err = x.conns.stores(timed, x.shared.names.NoLast(there.First()))
	answer, answered := rueidis.IsRedisErr(err)
	switch {
	case err == nil && x.shard.storeFailing:
		x.shard.storeFailing = false
		x.shared.log.Info("redis stores last prices again", "shard", x.shard.name)
		return held, nil
	case err == nil || movedAway(err):
		return 0, nil
	case elsewhere(err) && !answer.IsClusterDown():
		x.stalled.partitions |= 1 << there.First()
		return 0, nil
	case answered:
		x.failsToStore(answer.Error())
		return 0, nil
	default:
		return 0, fmt.Errorf("outbox: %w", err)
	}
}

// forgotten begins a generation after Redis lost the script, because it may have lost values
// too. If another Redis answers now, as behind a proxy, the subscriptions are lost as well
// and the session ends.
func (x *session) forgotten(ctx context.Context) error {
	x.shared.count.reloads.Add(1)
	timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
	defer cancel()
	now, err := x.conns.whoami(timed)
	if err == nil {
		err = x.conns.same(now)
	}
	if err == nil {
		x.generation(ctx, x.shard.held.load())
	}
	return err
}
