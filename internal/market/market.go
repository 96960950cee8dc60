// Package market invents a market: prices that walk at random, some of the way together, at
// times that look like trading. It publishes nothing; demo and simulate do.
package market

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// A year passes quickly here, so that prices move while one watches.
const (
	year      = 365 * 24 * time.Hour
	timeLapse = 60

	quietFactor = 0.05 // of the ticks of an instrument that hardly trades
	burstFactor = 8    // and of one on which news has broken, whose steps also grow
	burstSteps  = 2.5

	largest = 1e12 // price
)

// Bursts is the ordinary share of bursts.
const Bursts = 0.03

// Tick is one price of the simulated market.
type Tick struct {
	Instrument string
	Price      json.Number
	After      time.Duration // since the previous tick of the market
}

// Options say how the market is.
type Options struct {
	Seed        uint64
	Rate        float64 // ticks a second of the whole market on average, above 0
	Instruments int     // from 1 to MaxInstruments
	Volatility  float64 // times that of the real world, 0 or more
	Bursts      float64 // share of the time in which an instrument bursts, from 0 to 1
	Correlation float64 // share of the variance that is of the whole market, from 0 to 1
}

// Market is a random walk per instrument: the logarithm of the price takes normal
// steps (geometric Brownian motion), ticks come as a Poisson process, and each
// instrument moves between calm, quiet and bursting times of random length. The same
// options give the same ticks. One goroutine uses it.
type Market struct {
	Options
	random *rand.Rand
	states []state
	opened int     // instruments that have had their opening price
	tempo  float64 // ticks a second for each unit of activity
	common float64 // the walk that all instruments share, in standard deviations of a year
}

type state struct {
	listing
	logPrice  float64
	intensity float64       // ticks relative to calm times
	left      time.Duration // until the intensity changes
	idle      time.Duration // since its tick before
	joined    float64       // Market.common at its tick before
}

// New returns a market of the dozen instruments of Instruments, each for itself, with that
// many ticks a second on average.
func New(seed uint64, rate float64) *Market {
	return With(Options{Seed: seed, Rate: rate, Instruments: len(known), Volatility: 1, Bursts: Bursts})
}

// With returns a market that is as the options say.
func With(o Options) *Market {
	m := &Market{Options: o, random: rand.New(rand.NewPCG(o.Seed, 0))}
	activity := 0.0
	for i := range o.Instruments {
		l := listed(i)
		s := state{listing: l, logPrice: math.Log(l.price)}
		m.begin(&s)
		m.states = append(m.states, s)
		activity += l.activity
	}
	intensity := 0.0 // on average
	for _, p := range m.phases() {
		intensity += p.share * p.intensity
	}
	m.tempo = o.Rate / (activity * intensity)
	return m
}

// Next returns the tick that follows. The first ones are the opening prices.
func (m *Market) Next() Tick {
	if m.opened < len(m.states) {
		s := &m.states[m.opened]
		m.opened++
		return Tick{s.name, s.text(), 0}
	}
	var total float64
	for i := range m.states {
		total += m.states[i].activity * m.states[i].intensity
	}
	after := time.Duration(m.random.ExpFloat64() / (m.tempo * total) * float64(time.Second))

	if m.Correlation > 0 {
		m.common += m.random.NormFloat64() * years(after)
	}
	chosen, at := 0, m.random.Float64()*total
	for i := range m.states {
		s := &m.states[i]
		s.idle += after
		if weight := s.activity * s.intensity; at >= 0 {
			chosen, at = i, at-weight
		}
		if s.left -= after; s.left <= 0 {
			m.change(s)
		}
	}
	s := &m.states[chosen]
	return Tick{s.name, m.step(s), after}
}

// step moves the price by what the time since the tick before makes likely.
func (m *Market) step(s *state) json.Number {
	volatility := s.volatility * m.Volatility
	if s.intensity > 1 {
		volatility *= burstSteps
	}
	deviation := volatility * years(s.idle)
	own, shared := math.Sqrt(1-m.Correlation), math.Sqrt(m.Correlation)
	s.logPrice += deviation*own*m.random.NormFloat64() + volatility*shared*(m.common-s.joined) - deviation*deviation/2 // no drift of the price itself
	s.idle, s.joined = 0, m.common
	smallest := math.Pow10(-s.decimals)
	s.logPrice = min(max(s.logPrice, math.Log(smallest)), math.Log(largest))
	return s.text()
}

// years is the standard deviation of a walk after a time, in those of a year.
func years(d time.Duration) float64 { return math.Sqrt(timeLapse * d.Seconds() / year.Seconds()) }

func (s *state) text() json.Number {
	return json.Number(strconv.FormatFloat(math.Exp(s.logPrice), 'f', s.decimals, 64))
}

// A phase is a kind of time of an instrument.
type phase struct {
	share     float64 // of all time
	intensity float64 // ticks relative to calm times
	mean      time.Duration
}

func (o *Options) phases() []phase {
	const quiet = 0.11 // of the time without bursts
	rest := 1 - o.Bursts
	return []phase{{o.Bursts, burstFactor, 2 * time.Second}, {rest * quiet, quietFactor, 5 * time.Second}, {rest * (1 - quiet), 1, 8 * time.Second}}
}

// begin finds the instrument in a phase: the longer one lasts, the likelier.
func (m *Market) begin(s *state) {
	m.enter(s, func(p phase) float64 { return p.share })
}

// change begins the next phase.
func (m *Market) change(s *state) {
	m.enter(s, func(p phase) float64 { return p.share / p.mean.Seconds() })
}

// enter chooses a phase by its weight.
func (m *Market) enter(s *state, weight func(phase) float64) {
	all, phases := 0.0, m.phases()
	for _, p := range phases {
		all += weight(p)
	}
	at := m.random.Float64() * all
	for _, p := range phases {
		if w := weight(p); w > 0 && at >= 0 {
			s.intensity, s.left = p.intensity, time.Duration(m.random.ExpFloat64()*float64(p.mean))
			at -= w
		}
	}
}
