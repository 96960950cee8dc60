package publish

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"backbone/client"
)

// retries is what --retry needs: events whose answer did not come are sent again in their order, before
// any that is read later, so that no older price comes behind a newer one.
type retries struct {
	// Owned by the publisher.
	seq    int
	handed int64   // to the SDK, for an answer
	back   []input // that are to be sent again
	known  int64   // of losses, after which all that came back was collected

	losses atomic.Int64  // of the connection; the SDK's calls of OnEvent add
	judged atomic.Int64  // of those handed; the reporter adds
	again  chan input    // reporter -> publisher, with room for all that can come before the publisher looks
	moved  chan struct{} // judged has grown
}

func newRetries() retries {
	return retries{again: make(chan input, 2*inFlight), moved: make(chan struct{}, 1)}
}

func (r *retries) outstanding() int64 { return r.handed - r.judged.Load() }

// collect takes what came back.
func (r *retries) collect() {
	for {
		select {
		case in := <-r.again:
			r.back = append(r.back, in)
		default:
			return
		}
	}
}

// settled notes, for the reporter, that an event has its answer, or comes back.
func (r *retries) settled(in input, back bool) {
	if back {
		r.again <- in
	}
	r.judged.Add(1)
	select {
	case r.moved <- struct{}{}:
	default: // the publisher has not looked since
	}
}

// comesBack reports whether an event with this outcome is to be sent again.
func (p *publication) comesBack(life context.Context, err error) bool {
	return p.Retry && life.Err() == nil && (errors.Is(err, client.ErrConnectionLost) || errors.Is(err, client.ErrLeftOut))
}

// below waits until fewer than so many events have no answer.
func (p *publication) below(ctx, life context.Context, most int64) error {
	for p.outstanding() >= most {
		select {
		case <-p.moved:
		case <-ctx.Done():
			return errInterrupted
		case <-life.Done():
			return context.Cause(life)
		}
	}
	return nil
}

// resend sends again what came back, until nothing does. At the end of the input it waits for all
// answers.
func (p *publication) resend(ctx, life context.Context, ingestor *client.Ingestor, end bool) error {
	if !p.Retry {
		return nil
	}
	for {
		p.collect()
		losses := p.losses.Load()
		if len(p.back) == 0 && losses == p.known && !end {
			return nil
		}
		if err := p.below(ctx, life, 1); err != nil {
			return err
		}
		p.collect()
		p.known = losses
		p.order()
		if len(p.back) == 0 && p.losses.Load() == losses {
			return nil
		}
		for len(p.back) > 0 && len(p.again) == 0 && p.losses.Load() == losses {
			if err := p.open(ctx, life); err != nil {
				return err
			}
			if err := p.send(ctx, life, ingestor, p.back[0]); err != nil {
				return err
			}
			p.back = p.back[1:]
		}
	}
}

// order puts what is to be sent again into the order in which it was sent first, each once.
func (r *retries) order() {
	slices.SortStableFunc(r.back, func(a, b input) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), boolCompare(a.overtook, b.overtook))
	})
	r.back = slices.CompactFunc(r.back, func(a, b input) bool { return a.seq == b.seq })
	for i := range r.back {
		if r.back[i].overtook { // and it did not come back
			r.back[i].overtook, r.back[i].counted = false, true
		}
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// mayOvertake keeps an event that was sent while the connection was lost, and maybe back at once: it can
// have come before some that have to be sent again, and so it is sent behind them once more.
func (r *retries) mayOvertake(in input) {
	if r.losses.Load() != r.known {
		in.overtook = true
		r.back = append(r.back, in)
	}
}

// abandon counts what was to be sent again when everything has ended.
func (p *publication) abandon() {
	p.collect()
	p.order()
	for _, in := range p.back {
		if in.counted { // it has its answer, and would have been sent again for the order alone
			continue
		}
		p.lost++
		p.complain("line %d: lost: its answer did not come, and it was not sent again", in.where.line)
	}
	p.countUnsaid()
}

// outages are what the values of --outage mean.
var outages = map[string]client.Outage{"all": client.KeepAll, "newest": client.KeepNewest, "none": client.DropAll}

// outage is what the SDK does with events while there is no connection. With --retry it keeps none, and
// they come back.
func (p *publication) outage() client.Outage {
	if p.Retry {
		return client.DropAll
	}
	return outages[p.Outage]
}
