package mapping

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"backbone/protocol"
)

// units are the values of --ts-unit: the power of ten that makes milliseconds of them.
var units = map[string]int{"s": 3, "ms": 0, "us": -3, "ns": -6}

var (
	errNoTime   = errors.New("expected a number, or a time with its zone like 2026-01-02T03:04:05.678Z")
	errTooEarly = errors.New("expected a time since 1970")
	errTooLate  = errors.New("expected a time below 2^63 milliseconds")
)

// millis is a time as milliseconds since 1970: a number of units of 10^power ms, or a text like
// RFC 3339 has them, also with a blank in place of the T. What is below a millisecond is cut off.
// Digits are moved, never computed with, so that none is lost to a float.
func millis(text string, power int) (int64, error) {
	if !protocol.ValidNumber(text) {
		if len(text) > 10 && text[10] == ' ' {
			text = text[:10] + "T" + text[11:]
		}
		t, err := time.Parse(time.RFC3339, text)
		switch {
		case err != nil:
			return 0, errNoTime
		case t.Unix() < 0:
			return 0, errTooEarly
		}
		return t.UnixMilli(), nil
	}
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(digits, "-"), ".")
	all := strings.TrimLeft(whole+fraction, "0")
	switch {
	case all == "":
		return 0, nil
	case digits[0] == '-':
		return 0, errTooEarly
	}
	point := power + len(all) - len(fraction)
	if exponent != "" {
		const far = 1 << 30 // beyond any length of text, also with 32 bits
		e, err := strconv.Atoi(exponent)
		if err != nil { // it has very many digits
			e = far
			if exponent[0] == '-' {
				e = -far
			}
		}
		point += max(-far, min(e, far))
	}
	switch {
	case point <= 0:
		return 0, nil
	case point > 19: // digits of 2^63
		return 0, errTooLate
	case point > len(all):
		all += strings.Repeat("0", point-len(all))
	}
	n, err := strconv.ParseInt(all[:point], 10, 64)
	if err != nil {
		return 0, errTooLate
	}
	return n, nil
}
