package watch

import (
	"math/big"
	"strconv"
	"strings"

	"backbone/client"
)

// difference returns the exact text of p - from, with a sign, for two prices. It is "" if one is not a
// number, or if the exponents are so far apart that the text would have more than maxDigits.
func difference(p, from client.Price) string {
	x, xScale, okX := parse(string(p))
	y, yScale, okY := parse(string(from))
	scale := max(xScale, yScale, 0)
	if !okX || !okY || scale-min(xScale, yScale) > maxDigits {
		return ""
	}
	x.Mul(x, power(scale-xScale))
	y.Mul(y, power(scale-yScale))
	d := x.Sub(x, y)
	digits := new(big.Int).Abs(d).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if len(digits) > maxDigits {
		return ""
	}
	text := digits[:len(digits)-scale]
	if scale > 0 {
		text += "." + digits[len(digits)-scale:]
	}
	switch d.Sign() {
	case -1:
		return "-" + text
	case 1:
		return "+" + text
	}
	return text
}

// maxDigits bounds the texts of differences, and the work for them.
const maxDigits = 200

// parse reads the text of a JSON number: it is n / 10^scale.
func parse(text string) (n *big.Int, scale int, ok bool) {
	mantissa, exponent, found := strings.Cut(strings.ToLower(text), "e")
	if found {
		e, err := strconv.Atoi(exponent)
		if err != nil || e > maxDigits || e < -maxDigits {
			return nil, 0, false
		}
		scale = -e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n, ok = new(big.Int).SetString(whole+fraction, 10)
	return n, scale + len(fraction), ok
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// point is where the decimal point of a price stands or would stand.
func point(price string) int {
	if i := strings.IndexAny(price, ".eE"); i >= 0 {
		return i
	}
	return len(price)
}

// column is how many columns a column of prices has before and behind the point.
type column struct{ before, behind int }

// fit widens the column for a price.
func (c *column) fit(price string) {
	at := point(price)
	c.before, c.behind = max(c.before, at), max(c.behind, len(price)-at)
}

// width is that of the column, at most as much as most.
func (c column) width(most int) int { return min(c.before+c.behind, most) }

// align fills a price up with blanks, so that the points of a column stand below each other. A
// price that does not fit into width loses its alignment, and only if that does not help its end, which is
// marked.
func (c column) align(price string, width int) string {
	at := point(price)
	text := strings.Repeat(" ", max(c.before-at, 0)) + price
	text += strings.Repeat(" ", max(c.behind-(len(price)-at), 0))
	if len(text) > width {
		text = strings.TrimRight(text, " ")
	}
	for len(text) > width && strings.HasPrefix(text, " ") {
		text = text[1:]
	}
	if len(text) > width {
		return text[:max(width-1, 0)] + "…"
	}
	return text + strings.Repeat(" ", width-len(text))
}
