package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// instancesPerWorld is the smallest number where one is cut off and two are not.
const instancesPerWorld = 3

// instruments are those that are traded. The last three have two producers each, the
// others one; the producers of instrument i are at instance i%3, and at the next.
var instruments = []string{
	"BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT", "EUR/USD", "USD/JPY",
	"GBP/USD", "XAU/USD", "AAPL", "NVDA", "ES.F", "CL.F",
}

const contested = 3

// world is one Redis, what is joined by it, and who uses that.
type world struct {
	t         *testing.T
	random    *rand.Rand
	ttl       time.Duration
	redis     backend
	instances []*instance
	producers []*producer
	consumers []*consumer
	round     int
	newest    map[string]tick // after the round before
}

// setting is a kind of world.
type setting struct {
	name  string
	start func(*testing.T) backend
	ttl   time.Duration
	short []step // what is played where time is short
}

// step is what happens in one round.
type step struct {
	faults []string
	hold   time.Duration // from the begin of the last fault to its end, or to the last tick
	early  bool          // the faults end before the last tick, not after
	silent time.Duration // from the last tick to the end of the faults, where that comes after
}

func newWorld(t *testing.T, path string, seed uint64, s setting) *world {
	t.Helper()
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0xca05)), ttl: s.ttl, newest: map[string]tick{}}
	w.redis = s.start(t)
	for i := range instancesPerWorld {
		w.instances = append(w.instances, newInstance(t, path, fmt.Sprintf("instance %d", i), w.redis.url(i), w.ttl))
	}
	w.linked()
	for _, in := range w.instances {
		for range 2 {
			name := fmt.Sprintf("consumer %d at %s", len(w.consumers), in.name)
			w.consumers = append(w.consumers, newConsumer(t, name, in))
		}
	}
	for i, instrument := range instruments {
		w.addProducer(instrument, i)
		if i >= len(instruments)-contested {
			w.addProducer(instrument, i+1)
		}
	}
	return w
}

func (w *world) addProducer(instrument string, at int) {
	number := len(w.producers) + 1
	w.producers = append(w.producers, &producer{
		number: number, instrument: instrument, in: w.instances[at%len(w.instances)],
		stream: stream{random: rand.New(rand.NewPCG(w.random.Uint64(), 0)), price: 100 * float64(number), ts: 1_582_329_600_000},
	})
}

func (w *world) linked() {
	w.t.Helper()
	for _, in := range w.instances {
		in.alive()
		in.linked()
	}
}

// of are the producers of an instrument.
func (w *world) of(instrument string) (all []*producer) {
	for _, p := range w.producers {
		if p.instrument == instrument {
			all = append(all, p)
		}
	}
	return all
}

func (w *world) sending(k tick) sending { return w.producers[k.producer-1].sent[k.number-1] }

func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.random.Int64N(int64(high-low)))
}

// pause lets the world go on for a while. Nothing is expected to have happened then.
func (w *world) pause(d time.Duration) { <-time.After(d) }

func (w *world) look() []view {
	views := make([]view, len(w.consumers))
	for i, c := range w.consumers {
		views[i] = c.look()
	}
	return views
}

// fault returns the fault of that name.
func (w *world) fault(name string) fault {
	w.t.Helper()
	all := slices.Concat(w.redis.faults(), ofInstances())
	i := slices.IndexFunc(all, func(f fault) bool { return f.name == name })
	if i < 0 {
		w.t.Fatalf("there is no fault %q", name)
	}
	return all[i]
}

// deal returns steps with every fault that the world knows, each once before any comes
// again, some with another one at the same time.
func (w *world) deal(rounds int) (steps []step) {
	all := slices.Concat(w.redis.faults(), ofInstances())
	for len(steps) < rounds {
		for _, i := range w.random.Perm(len(all)) {
			f, other := all[i], all[w.random.IntN(len(all))]
			s := step{faults: []string{f.name}, early: w.random.IntN(3) == 0}
			if other.at != f.at && w.random.IntN(2) == 0 {
				s.faults = append(s.faults, other.name)
			}
			switch w.random.IntN(3) {
			case 0: // many prices are the last ones on their way when the fault begins
				s.hold = w.between(1, 40*time.Millisecond)
			case 1:
				s.hold = w.between(100*time.Millisecond, 600*time.Millisecond)
			case 2: // longer than an instance takes to notice, and than a short TTL
				s.hold = w.between(2800*time.Millisecond, 4500*time.Millisecond)
			}
			if w.ttl < patience && w.random.IntN(3) == 0 { // nothing is stored any more
				s.silent = w.between(w.ttl, w.ttl+time.Second)
			}
			steps = append(steps, s)
		}
	}
	return steps[:rounds]
}

func (s step) String() string {
	ends := fmt.Sprintf("%v after", s.silent.Round(time.Millisecond))
	if s.early {
		ends = "before"
	}
	return fmt.Sprintf("%s; for %v, ended %s the last tick", strings.Join(s.faults, " + "), s.hold.Round(time.Millisecond), ends)
}
