package protocol

import (
	"math"
	"strconv"
	"strings"
)

// minPrice is how near to 0 a price can be that is not 0. Below it float64 loses digits, and
// consumers' libraries for decimals fail.
const minPrice = 1e-308

// PriceFault says why the JSON number s, of at most [MaxPriceLength] characters, is out of the
// range of prices, such as "must be finite as a float64". It is "" for a price.
func PriceFault[S string | []byte](s S) string {
	e := 0
	for e < len(s) && s[e]|' ' != 'e' {
		e++
	}
	if e == len(s) {
		return "" // so few characters do not leave the range without an exponent
	}
	f, err := strconv.ParseFloat(string(s), 64)
	switch {
	case err != nil:
		return "must be finite as a float64"
	case math.Abs(f) < minPrice && strings.ContainsAny(string(s[:e]), "123456789"):
		return "must be 0, or at least 1e-308 away from it"
	}
	return ""
}
