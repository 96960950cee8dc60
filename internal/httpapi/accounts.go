package httpapi

import (
	"context"
	"time"

	"backbone/internal/ingest"
	"backbone/internal/rates"
	"backbone/internal/transport"
	"backbone/protocol"
)

// A WebSocket has its rates for as long as it is open. A plain request is over at once, so its sender has an
// account that outlives it: with its credentials, or where none are asked for with its address.

const (
	maxAccounts = 10_000
	// idle is how long an account is kept after its last request, at least, and longer while it is in debt.
	// Whoever comes back later contests no instrument with what it published itself before.
	idle = time.Minute
	// sweepEvery is how often accounts that are not needed any more are looked for, at most.
	sweepEvery = time.Second
)

// accounts is the goroutine that keeps them.
type accounts struct {
	// Immutable.
	limits transport.Limits
	ingest *ingest.Ingest
	asks   chan ask
	done   chan struct{} // closed when run has ended

	// Owned by run.
	all   map[holder]*account
	swept time.Time
}

type holder struct {
	role protocol.Role
	name string
}

// account is that of one sender. A bucket is nil where there is no limit.
type account struct {
	buckets   []bucket
	publisher *ingest.Publisher // of an ingestor
	used      time.Time
}

type bucket struct {
	limit string // its name
	of    func(cost) int
	*rates.Bucket
}

// cost is what one request takes.
type cost struct{ messages, bytes, bad int }

type ask struct {
	who    holder
	cost   cost
	answer chan verdict
}

// verdict says whether a request is carried out.
type verdict struct {
	limit     string        // that it is past; "": none
	wait      time.Duration // until it is not
	full      bool          // too many others have accounts
	publisher *ingest.Publisher
}

func newAccounts(l transport.Limits, in *ingest.Ingest) *accounts {
	return &accounts{limits: l, ingest: in, asks: make(chan ask), done: make(chan struct{}), all: map[holder]*account{}}
}

func (a *accounts) run(ctx context.Context) {
	defer close(a.done)
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-a.asks:
			q.answer <- a.charge(q.who, q.cost, time.Now())
		}
	}
}

// ask charges a sender with a request, unless the sender is past a limit. It reports false if run has
// ended.
func (a *accounts) ask(role protocol.Role, name string, c cost) (verdict, bool) {
	q := ask{holder{role, name}, c, make(chan verdict, 1)}
	select {
	case a.asks <- q:
		return <-q.answer, true
	case <-a.done:
		return verdict{}, false
	}
}

// charge takes a request's cost once the sender has paid for those before: so one that is larger than a
// bucket passes, too, and the next one waits for longer.
func (a *accounts) charge(who holder, c cost, now time.Time) verdict {
	own := a.of(who, now)
	if own == nil {
		return verdict{full: true}
	}
	own.used = now
	for _, b := range own.buckets {
		if wait := b.Ready(); wait > 0 && b.of(c) > 0 {
			return verdict{limit: b.limit, wait: wait}
		}
	}
	for _, b := range own.buckets {
		b.Take(b.of(c))
	}
	v := verdict{}
	if own.publisher != nil {
		v.publisher = own.publisher.Again()
	}
	return v
}

// of returns the account of a sender, nil if there is no place for it.
func (a *accounts) of(who holder, now time.Time) *account {
	if own := a.all[who]; own != nil {
		return own
	}
	if len(a.all) >= maxAccounts && now.Sub(a.swept) >= sweepEvery {
		a.swept = now
		for h, one := range a.all {
			if now.Sub(one.used) >= idle && !one.inDebt() {
				delete(a.all, h)
			}
		}
	}
	if len(a.all) >= maxAccounts {
		return nil
	}
	own := a.open(who)
	a.all[who] = own
	return own
}

func (a *accounts) open(who holder) *account {
	l := &a.limits
	messages := func(c cost) int { return c.messages }
	own := &account{buckets: []bucket{
		{transport.LimitBadMessages, func(c cost) int { return c.bad }, rates.PerMinute(l.MaxBadMessages)},
	}}
	add := func(limit string, of func(cost) int, r rates.Rate) {
		if r.Limits() {
			own.buckets = append(own.buckets, bucket{limit, of, r.Bucket()})
		}
	}
	if who.role == protocol.Ingestor {
		add(transport.LimitEvents, messages, l.MaxIngestRate)
		add(transport.LimitEventBytes, func(c cost) int { return c.bytes }, l.MaxIngestByteRate)
		own.publisher = a.ingest.Publisher(who.name, who.name)
	} else {
		add(transport.LimitMessages, messages, l.MaxMessageRate)
		add(transport.LimitJoins, messages, l.MaxJoinRate)
	}
	return own
}

// inDebt reports whether the account has to be kept, because its sender is past a limit.
func (a *account) inDebt() bool {
	for _, b := range a.buckets {
		if b.Ready() > 0 {
			return true
		}
	}
	return false
}
