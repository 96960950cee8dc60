package market

import (
	"math"
	"math/rand/v2"
)

// MaxInstruments is how many a market can have: each tick looks at all of them.
const MaxInstruments = 10000

// listing is one instrument of the simulated market.
type listing struct {
	name       string
	price      float64 // at the start
	decimals   int     // of its tick, the smallest step of a price
	volatility float64 // standard deviation of the logarithm of the price over a year
	activity   float64 // share of the ticks in quiet times, relative to the others
}

// known are the first instruments of every market.
var known = []listing{
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

// Instruments are the names of the dozen instruments of New.
func Instruments() []string { return Names(len(known)) }

// Names are those of the first n instruments, which are the same in every market.
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = listed(i).name
	}
	return names
}

// listed is the instrument with that number. Those behind the known ones are invented.
func listed(i int) listing {
	if i < len(known) {
		return known[i]
	}
	const (
		letters = "BCDFGHJKLMNPQRSTVWXZ" // no vowels, so no words
		codes   = 20 * 20 * 20 * 20
		stride  = 102947 // shares no factor with codes, so that no code comes twice
	)
	code := i * stride % codes
	name := make([]byte, 4)
	for j := range name {
		name[j] = letters[code%len(letters)]
		code /= len(letters)
	}
	random := rand.New(rand.NewPCG(uint64(i), 1))
	price := math.Pow(10, -1+4.5*random.Float64())
	return listing{
		name: string(name) + "_USDT", price: price, decimals: 4 - int(math.Floor(math.Log10(price))),
		volatility: 0.2 + random.Float64(), activity: 1 + 4*random.Float64(),
	}
}
