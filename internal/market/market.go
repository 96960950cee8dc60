// Package market invents a market of a dozen instruments: prices that walk at random, at
// times that look like trading. It publishes nothing; demo does.
package market

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// listing is one instrument of the simulated market.
type listing struct {
	name       string
	price      float64 // at the start
	decimals   int     // of its tick, the smallest step of a price
	volatility float64 // standard deviation of the logarithm of the price over a year
	activity   float64 // share of the ticks in quiet times, relative to the others
}

var listings = []listing{
	{"BTC_USDT", 60214.3, 1, 0.55, 10},
	{"ETH_USDT", 3120.45, 2, 0.70, 8},
	{"SOL_USDT", 148.62, 2, 0.95, 5},
	{"XRP_USDT", 0.5238, 4, 0.90, 3},
	{"EUR/USD", 1.08452, 5, 0.08, 6},
	{"USD/JPY", 151.382, 3, 0.10, 5},
	{"GBP/USD", 1.26431, 5, 0.09, 3},
	{"XAU/USD", 2328.75, 2, 0.15, 3},
	{"AAPL", 182.44, 2, 0.28, 3},
	{"NVDA", 894.52, 2, 0.50, 4},
	{"ES.F", 5213.25, 2, 0.18, 4},
	{"CL.F", 81.37, 2, 0.38, 2},
}

// A year passes quickly here, so that prices move while one watches.
const (
	year      = 365 * 24 * time.Hour
	timeLapse = 60

	quietFactor = 0.05 // of the ticks of an instrument that hardly trades
	burstFactor = 8    // and of one on which news has broken, whose steps also grow
	burstSteps  = 2.5
)

// Tick is one price of the simulated market.
type Tick struct {
	Instrument string
	Price      json.Number
	After      time.Duration // since the previous tick of the market
}

// Instruments are the names of all instruments.
func Instruments() []string {
	var names []string
	for _, l := range listings {
		names = append(names, l.name)
	}
	return names
}

// Market is a random walk per instrument: the logarithm of the price takes normal
// steps (geometric Brownian motion), ticks come as a Poisson process, and each
// instrument moves between calm, quiet and bursting times of random length. The same
// seed and rate give the same ticks. One goroutine uses it.
type Market struct {
	random *rand.Rand
	rate   float64 // ticks per second of the whole market when all is calm
	states []state
	opened int // instruments that have had their opening price
}

type state struct {
	listing
	logPrice  float64
	intensity float64       // ticks relative to calm times
	left      time.Duration // until the intensity changes
	idle      time.Duration // since its tick before
}

// New returns a market with that many ticks a second, on average.
func New(seed uint64, rate float64) *Market {
	m := &Market{random: rand.New(rand.NewPCG(seed, 0)), rate: rate}
	for _, l := range listings {
		s := state{listing: l, logPrice: math.Log(l.price)}
		m.change(&s)
		m.states = append(m.states, s)
	}
	return m
}

// Next returns the tick that follows. The first ones are the opening prices.
func (m *Market) Next() Tick {
	if m.opened < len(m.states) {
		s := &m.states[m.opened]
		m.opened++
		return Tick{s.name, s.text(), 0}
	}
	var calm, total float64
	for i := range m.states {
		calm += m.states[i].activity
		total += m.states[i].activity * m.states[i].intensity
	}
	after := time.Duration(m.random.ExpFloat64() / (m.rate * total / calm) * float64(time.Second))

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
	deviation := s.volatility * math.Sqrt(timeLapse*s.idle.Seconds()/year.Seconds())
	if s.intensity > 1 {
		deviation *= burstSteps
	}
	s.idle = 0
	s.logPrice += deviation*m.random.NormFloat64() - deviation*deviation/2 // no drift of the price itself
	smallest := math.Pow10(-s.decimals)
	s.logPrice = max(s.logPrice, math.Log(smallest))
	return s.text()
}

func (s *state) text() json.Number {
	return json.Number(strconv.FormatFloat(math.Exp(s.logPrice), 'f', s.decimals, 64))
}

// change begins another time of an instrument: mostly calm, at times a burst or quiet.
func (m *Market) change(s *state) {
	mean := 8 * time.Second
	switch x := m.random.Float64(); {
	case x < 0.10:
		s.intensity, mean = burstFactor, 2*time.Second
	case x < 0.25:
		s.intensity, mean = quietFactor, 5*time.Second
	default:
		s.intensity = 1
	}
	s.left = time.Duration(m.random.ExpFloat64() * float64(mean))
}
