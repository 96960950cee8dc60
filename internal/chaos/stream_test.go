package chaos

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"backbone/client"
)

// tick is one price: who published it, from 1, and which of his it is, from 1. The zero
// tick is none.
type tick struct {
	producer, number int
}

func (k tick) String() string {
	if k == (tick{}) {
		return "nothing"
	}
	return fmt.Sprintf("tick %d of producer %d", k.number, k.producer)
}

// tickDigits are the last digits of a price's text: two of the producer, eight of the
// number. Nobody between producer and consumer may touch the text.
const tickDigits = 2 + 8

func (k tick) digits() string { return fmt.Sprintf("%02d%08d", k.producer, k.number) }

// tickOf reads what stream.burst wrote.
func tickOf(price client.Price) (tick, error) {
	text := price.String()
	if len(text) < tickDigits {
		return tick{}, fmt.Errorf("price %q is none of ours", text)
	}
	text = text[len(text)-tickDigits:]
	producer, err1 := strconv.Atoi(text[:2])
	number, err2 := strconv.Atoi(text[2:])
	if err1 != nil || err2 != nil || producer == 0 || number == 0 {
		return tick{}, fmt.Errorf("price %q is none of ours", price)
	}
	return tick{producer, number}, nil
}

// stream makes ticks as an exchange does: trades come in bursts that share one ts, the
// price takes normal steps, and now and then the market is in a hurry.
type stream struct {
	random *rand.Rand
	price  float64
	ts     int64 // milliseconds
	hurry  int   // bursts that still follow at once
}

type quote struct {
	price client.Price
	ts    int64
}

// burst returns how long the market is quiet, and what comes then. first is the number
// of its first tick.
func (s *stream) burst(producer, first int) (after time.Duration, quotes []quote) {
	after = min(time.Duration(s.random.ExpFloat64()*float64(80*time.Millisecond)), 400*time.Millisecond)
	switch {
	case s.hurry > 0:
		s.hurry--
		after /= 20
	case s.random.IntN(20) == 0:
		s.hurry = 10
	}
	s.ts += after.Milliseconds() // often the same
	for n := 0; n == 0 || n < 12 && s.random.IntN(3) > 0; n++ {
		s.price *= math.Exp(s.random.NormFloat64() * 0.0004)
		text := fmt.Sprintf("%.2f", s.price) + tick{producer, first + n}.digits()
		quotes = append(quotes, quote{client.Price(text), s.ts})
	}
	return after, quotes
}
