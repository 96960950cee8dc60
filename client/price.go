package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"backbone/protocol"
)

// Price is the text of a JSON number, at most 64 characters, such as "60214.30". It is never turned
// into a float on its way: consumers receive the characters that the producer sent. Compare prices
// with [Price.Cmp], not with ==: "1.10" and "1.1" are the same price. The empty Price is none.
type Price string

// String returns the text.
func (p Price) String() string { return string(p) }

// Valid reports whether servers accept p: a JSON number of at most 64 characters, finite as a
// float64, and 0 or at least 1e-308 away from it.
func (p Price) Valid() bool {
	return len(p) <= protocol.MaxPriceLength && protocol.ValidNumber(string(p)) && protocol.PriceFault(string(p)) == ""
}

// Cmp compares the values of two prices exactly, without a float: -1 if p is less than q, 0 if they are
// equal, 1 if p is greater. What is not Valid is less than every price, and equal to anything else that
// is not. So prices can be sorted with slices.SortFunc(prices, [Price.Cmp]).
func (p Price) Cmp(q Price) int {
	if p == q {
		return 0
	}
	a, aValid := p.decimal()
	b, bValid := q.decimal()
	switch {
	case !aValid || !bValid:
		return truth(aValid) - truth(bValid)
	case a.sign != b.sign:
		return cmp.Compare(a.sign, b.sign)
	case a.exponent != b.exponent:
		return a.sign * cmp.Compare(a.exponent, b.exponent)
	}
	return a.sign * cmpDigits(a.digits, b.digits)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decimal is a number as sign * 0.digits * 10^exponent. 0 has the sign 0 and nothing else.
type decimal struct {
	sign     int // -1, 0, 1
	exponent int
	digits   string // from the first that is not 0; may hold a point, which does not count
}

// decimal is false if p is not Valid.
func (p Price) decimal() (d decimal, ok bool) {
	if !p.Valid() {
		return decimal{}, false
	}
	s, negative := strings.CutPrefix(string(p), "-")
	exponent := ""
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		s, exponent = s[:e], s[e+1:]
	}
	first := strings.IndexAny(s, "123456789")
	if first < 0 {
		return decimal{}, true // whatever the exponent
	}
	if exponent != "" {
		d.exponent, _ = strconv.Atoi(exponent) // small, or p would not be Valid
	}
	point := strings.IndexByte(s, '.')
	if point < 0 {
		point = len(s)
	}
	if d.exponent += point - first; first > point {
		d.exponent++
	}
	d.sign, d.digits = 1, s[first:]
	if negative {
		d.sign = -1
	}
	return d, true
}

// cmpDigits compares what 0.a and 0.b are. Points in them do not count.
func cmpDigits(a, b string) int {
	for a != "" || b != "" {
		var x, y byte
		x, a = digit(a)
		y, b = digit(b)
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return 0
}

// digit takes the next digit, which is 0 behind the last.
func digit(s string) (first byte, rest string) {
	s = strings.TrimPrefix(s, ".")
	if s == "" {
		return '0', ""
	}
	return s[0], s[1:]
}

// Change returns by how much p is above from, as a part of from: 0.005 is half a percent more, -0.005
// half a percent less. It is as exact as a float64, and NaN if one of the two is not Valid or from is 0.
func (p Price) Change(from Price) float64 {
	if !p.Valid() || !from.Valid() {
		return math.NaN()
	}
	is, _ := p.Float64()
	was, _ := from.Float64()
	if was == 0 {
		return math.NaN()
	}
	return (is - was) / math.Abs(was)
}

// Float64 returns the nearest float64. The error is that of strconv.ParseFloat.
func (p Price) Float64() (float64, error) { return strconv.ParseFloat(string(p), 64) }

// Int64 returns the number as an integer. The error is that of strconv.ParseInt, also for a number with
// a fraction or an exponent.
func (p Price) Int64() (int64, error) { return strconv.ParseInt(string(p), 10, 64) }

// MarshalJSON returns the text as it is. What is not a JSON number is an error.
func (p Price) MarshalJSON() ([]byte, error) {
	if !protocol.ValidNumber(string(p)) {
		return nil, fmt.Errorf("client: the price %q is not a JSON number", clip(string(p)))
	}
	return []byte(p), nil
}

// UnmarshalJSON takes a JSON number as it is, also out of a JSON string. A null changes nothing.
func (p *Price) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(text, &number); err != nil || number == "" {
		return fmt.Errorf("client: the price %s is not a JSON number", clip(string(text)))
	}
	*p = Price(number)
	return nil
}

// Time returns the producer's time, TS, which is in this unit since the start of 1970, UTC: time.Second,
// time.Millisecond, time.Microsecond or time.Nanosecond. The protocol does not say which, so ask who
// publishes. A unit that does not divide a second panics. [TS] is the way back.
func (u PriceUpdate) Time(unit time.Duration) time.Time {
	n := perSecond(unit)
	return time.Unix(u.TS/n, u.TS%n*int64(unit))
}

// Received returns when the instance took the price in, by its clock, to the millisecond. ok is false
// for a price without a [Stamp].
func (u PriceUpdate) Received() (at time.Time, ok bool) {
	if u.Stamp == nil {
		return time.Time{}, false
	}
	return u.Stamp.At, true
}

// TS returns a time for [PriceUpdate].TS, in this unit since the start of 1970, UTC, as
// [PriceUpdate.Time] takes it.
func TS(t time.Time, unit time.Duration) int64 {
	return t.Unix()*perSecond(unit) + int64(t.Nanosecond())/int64(unit)
}

func perSecond(unit time.Duration) int64 {
	if unit <= 0 || time.Second%unit != 0 {
		panic("client: the unit " + unit.String() + " of a TS, expected a part of a second such as time.Millisecond")
	}
	return int64(time.Second / unit)
}

// MinChange is how far a price must be from another one to be worth showing: a distance, such as "0.01", or
// a part of the other price, such as "0.5%". The empty MinChange is none: every other price is.
type MinChange string

// Valid reports whether m is a positive number, in plain digits or with an exponent, with or without "%"
// behind it; the empty MinChange is valid.
func (m MinChange) Valid() bool {
	number, _ := m.parts()
	return m == "" || number.Valid() && number.Cmp("0") > 0
}

func (m MinChange) parts() (number Price, percent bool) {
	text, percent := strings.CutSuffix(string(m), "%")
	return Price(text), percent
}

// Reached reports whether p is at least m away from the price from. It calculates with the decimals, so
// 0.3 is 0.1 away from 0.2. The same price is never reached, and one that is not Valid always.
func (m MinChange) Reached(from, p Price) bool {
	if from == p {
		return false
	}
	was, wasOK := from.rational()
	is, isOK := p.rational()
	if !wasOK || !isOK {
		return true
	}
	change := is.Sub(is, was)
	number, percent := m.parts()
	least, ok := number.rational()
	if !ok {
		return change.Sign() != 0
	}
	if percent {
		least.Mul(least, was).Quo(least, big.NewRat(100, 1))
	}
	return change.Sign() != 0 && change.Abs(change).Cmp(least.Abs(least)) >= 0
}

// rational is false if p is not Valid.
func (p Price) rational() (*big.Rat, bool) {
	if !p.Valid() {
		return nil, false
	}
	if p.Cmp("0") == 0 { // whatever the exponent
		return new(big.Rat), true
	}
	return new(big.Rat).SetString(string(p))
}

// ChangeFilter leaves out the prices of a room that are too near to the last one that it let pass. A server
// does not do that, because it reads no price. One goroutine uses it.
type ChangeFilter struct {
	least   MinChange
	last    map[string]Price
	leftOut uint64
}

// NewChangeFilter returns a filter that has let nothing pass yet.
func NewChangeFilter(least MinChange) *ChangeFilter {
	return &ChangeFilter{least: least, last: map[string]Price{}}
}

// Pass reports whether the program is to have an event. Live prices that are less than the MinChange away
// from the last of their room that passed are not; the first of a room, snapshots and all other events are.
func (f *ChangeFilter) Pass(ev Event) bool {
	switch e := ev.(type) {
	case PriceUpdate:
		if last, known := f.last[e.Instrument]; known && !e.Snapshot && !f.least.Reached(last, e.Price) {
			f.leftOut++
			return false
		}
		f.last[e.Instrument] = e.Price
	case Retired:
		delete(f.last, e.Instrument)
	}
	return true
}

// LeftOut is how many prices did not pass.
func (f *ChangeFilter) LeftOut() uint64 { return f.leftOut }

func newStamp(epoch string, seq uint64, at, ageMS int64) *Stamp {
	return &Stamp{Epoch: epoch, Seq: seq, At: time.UnixMilli(at), Age: time.Duration(ageMS) * time.Millisecond}
}

// stampOf is the stamp of a price, nil if it has none.
func stampOf(m *protocol.ServerMessage) *Stamp {
	if m.Epoch == "" {
		return nil
	}
	var age int64
	if m.AgeMS != nil {
		age = *m.AgeMS
	}
	return newStamp(m.Epoch, m.Seq, m.At, age)
}
