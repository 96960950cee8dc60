package chaos

import (
	"fmt"
	"strings"
	"time"

	"backbone/client"
)

// apart is how long one event must be behind another for their versions to be in that
// order: the instances share a clock, which versions take to the millisecond.
const apart = 5 * time.Millisecond

// agreed is the price of the first consumer that holds any.
func (w *world) agreed(instrument string, views []view) tick {
	for _, v := range views {
		if held := v.stays[instrument].held; held != (tick{}) {
			return held
		}
	}
	return tick{}
}

// unhealed says what keeps the world from being healed, "" if nothing does.
func (w *world) unhealed(views []view) string {
	for _, instrument := range instruments {
		agreed := w.agreed(instrument, views)
		if agreed == (tick{}) {
			return "nobody holds anything of " + instrument
		}
		for i, c := range w.consumers {
			held := views[i].stays[instrument].held
			if held != agreed && (held != (tick{}) || !w.tooLate(views[i], agreed)) {
				return fmt.Sprintf("%s: %s holds %v, %s holds %v", instrument, w.consumers[0].name, agreed, c.name, held)
			}
		}
		if why := w.tooOld(instrument, agreed, views); why != "" {
			return fmt.Sprintf("%s: all hold %v, but %s", instrument, agreed, why)
		}
	}
	return ""
}

// tooLate reports whether a consumer came back when a tick was past its lifetime, which
// warms no one. A read may take a second.
func (w *world) tooLate(v view, k tick) bool {
	return !v.since.IsZero() && v.since.Add(time.Second).Sub(w.sending(k).begun) > w.ttl
}

// tooOld says which tick of an instrument is newer and has survived, "" if none.
func (w *world) tooOld(instrument string, k tick, views []view) string {
	for _, p := range w.of(instrument) {
		n := w.survived(p, views)
		switch {
		case n == 0:
		case p.number == k.producer && n > k.number:
			return fmt.Sprintf("tick %d of that producer has survived", n)
		case p.number != k.producer:
			done := w.sending(k).done
			if begun := p.sent[n-1].begun; !done.IsZero() && begun.Sub(done) > apart {
				return fmt.Sprintf("%v was published %v after it, and has survived", tick{p.number, n}, begun.Sub(done))
			}
		}
	}
	return ""
}

// survived is the highest tick of a producer that can not be lost: taken in by an
// instance that still runs, or heard by a consumer of one that did all the time.
func (w *world) survived(p *producer, views []view) int {
	n := p.last()
	if k := w.newest[p.instrument]; k.producer == p.number {
		n = max(n, k.number)
	}
	for i, c := range w.consumers {
		if c.in.died < w.round {
			n = max(n, views[i].stays[p.instrument].seen[p.number])
		}
	}
	return n
}

// counts compares what consumers of instances that were not killed heard in this round
// with what was published.
func (w *world) counts(before, after []view, sent map[*producer]int) {
	for i, c := range w.consumers {
		if c.in.died == w.round {
			continue
		}
		if after[i].breaks != before[i].breaks {
			w.t.Errorf("%s lost its connection", c.name)
			continue
		}
		for _, instrument := range instruments {
			was, is := before[i].stays[instrument], after[i].stays[instrument]
			got, local, remote, ever := is.live+is.skipped-was.live-was.skipped, 0, 0, 0
			for _, p := range w.of(instrument) {
				if n := len(p.sent) - sent[p]; p.in == c.in {
					local += n
				} else {
					remote += n
				}
				ever += len(p.sent)
			}
			// What an earlier life of the instance has left on the way counts as remote: it may
			// still be told of in the round after.
			exact := remote == 0 && len(w.of(instrument)) == 1 && (c.in.began == 0 || c.in.began+1 < w.round)
			if got < local || exact && got > local || is.live+is.skipped > ever {
				w.t.Errorf("%s got %d of %s, conflated ones included; %d were published there and %d elsewhere", c.name, got, instrument, local, remote)
			}
		}
		w.answered(c.in, sent)
	}
}

// answered expects that an instance that was not killed has taken in everything of the
// producers that sent in this round; the end of what others sent may have gone with an
// earlier life of it.
func (w *world) answered(in *instance, before map[*producer]int) {
	for _, p := range w.producers {
		if p.in == in && len(p.sent) > before[p] && p.last() != len(p.sent) {
			w.t.Errorf("%s has taken in %d of %s, %d were sent", in.name, p.last(), p.instrument, len(p.sent))
		}
	}
}

// stored expects that Redis holds what all consumers hold, also what it had lost, for as
// long as it is to be held.
func (w *world) stored() {
	w.t.Helper()
	for _, instrument := range instruments {
		newest, text := w.newest[instrument], ""
		ok := eventually(func() bool {
			text = w.redis.get(lastPrice(instrument))
			return strings.Contains(text, newest.digits()+",") || time.Since(w.sending(newest).begun) >= w.ttl
		})
		if !ok {
			w.t.Errorf("round %d: redis holds %q of %s, all consumers hold %v", w.round, text, instrument, newest)
		}
	}
}

// latecomers join everywhere, and must start warm.
func (w *world) latecomers() {
	for _, in := range w.instances {
		name := "a latecomer at " + in.name
		began := time.Now()
		conn := consume(w.t, name, in, client.JoinOptions{MarkEmpty: true})
		got := map[string]client.Event{}
		late := time.After(patience)
		for len(got) < len(instruments) {
			select {
			case e := <-conn.Events():
				switch e := e.(type) {
				case client.PriceUpdate:
					got[e.Instrument] = e
				case client.NoSnapshot:
					got[e.Room] = e
				}
			case <-late:
				w.t.Errorf("%s was told of %d rooms after %v", name, len(got), patience)
			}
		}
		for _, instrument := range instruments {
			w.greeted(name, w.newest[instrument], got[instrument], began)
		}
		_ = conn.Close() // always nil
	}
}

// greeted compares what a latecomer got with the newest tick.
func (w *world) greeted(name string, newest tick, got client.Event, began time.Time) {
	switch got := got.(type) {
	case client.PriceUpdate:
		k, err := tickOf(got.Price)
		switch done := w.sending(newest).done; {
		case err != nil:
			w.t.Errorf("%s: %v", name, err)
		case k != newest || !got.Snapshot:
			w.t.Errorf("%s got %v of %s (snapshot %v), all others hold %v", name, k, got.Instrument, got.Snapshot, newest)
		case !done.IsZero() && began.Sub(done) > w.ttl+patience:
			w.t.Errorf("%s was greeted with %v of %s, which is %v old", name, k, got.Instrument, began.Sub(done))
		}
	case client.NoSnapshot:
		if age := time.Since(w.sending(newest).begun); age < w.ttl {
			w.t.Errorf("%s got nothing of %s, all others hold %v, %v old", name, got.Room, newest, age)
		}
	}
}
