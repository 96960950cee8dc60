package mapping

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"backbone/protocol"
)

func TestMillis(t *testing.T) {
	for _, c := range []struct {
		text, unit string
		want       int64
		err        error
	}{
		{"1710000000", "s", 1710000000000, nil},
		{"1534614057.321597", "s", 1534614057321, nil}, // a float would have 320 or 322 of some
		{"1.534614057321597e9", "s", 1534614057321, nil},
		{"1534614057321.999", "ms", 1534614057321, nil},
		{"1630994963175", "ms", 1630994963175, nil},
		{"1630994963175999", "us", 1630994963175, nil},
		{"1630994963175999999", "ns", 1630994963175, nil},
		{"999999", "ns", 0, nil},
		{"0", "s", 0, nil},
		{"-0", "s", 0, nil},
		{"0e99999999999", "s", 0, nil},
		{"1e-99999999999999999999", "s", 0, nil},
		{"1e99999999999999999999", "s", 0, errTooLate},
		{"0.001", "s", 1, nil},
		{"0.0019", "s", 1, nil},
		{"00", "s", 0, errNoTime},
		{"9223372036854775807", "ms", 1<<63 - 1, nil},
		{"9223372036854775808", "ms", 0, errTooLate},
		{"9223372036854775.8079", "s", 0, nil},
		{"92233720368547758070", "ns", 92233720368547, nil},
		{"1E2", "ms", 100, nil},
		{"-1", "ms", 0, errTooEarly},
		{"-0.0001", "ms", 0, errTooEarly},
		{"2026-01-02T03:04:05Z", "s", 1767323045000, nil},
		{"2026-01-02T03:04:05.6789Z", "ns", 1767323045678, nil},
		{"2026-01-02T03:04:05.678901234+01:00", "ms", 1767319445678, nil},
		{"2026-01-02 03:04:05.678+00:00", "ms", 1767323045678, nil},
		{"1970-01-01T00:00:00Z", "ms", 0, nil},
		{"1969-12-31T23:59:59.9Z", "ms", 0, errTooEarly},
		{"0001-01-01T00:00:00Z", "ms", 0, errTooEarly},
		{"2026-01-02T03:04:05", "ms", 0, errNoTime}, // in which zone?
		{"2026-13-02T03:04:05Z", "ms", 0, errNoTime},
		{"2026-01-02", "ms", 0, errNoTime},
		{"", "ms", 0, errNoTime},
		{"NaN", "ms", 0, errNoTime},
	} {
		got, err := millis(c.text, units[c.unit])
		if c.text == "9223372036854775.8079" {
			c.want = 9223372036854775807
		}
		if !errors.Is(err, c.err) || got != c.want {
			t.Errorf("%s %s: %d, %v; want %d, %v", c.text, c.unit, got, err, c.want, c.err)
		}
	}
}

// Moved digits are what exact arithmetic has.
func TestMillisIsExact(t *testing.T) {
	number := rapid.StringMatching(`(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?`)
	thousand := map[string]*big.Rat{"s": big.NewRat(1000, 1), "ms": big.NewRat(1, 1), "us": big.NewRat(1, 1000), "ns": big.NewRat(1, 1000000)}
	rapid.Check(t, func(t *rapid.T) {
		text, unit := number.Draw(t, "text"), rapid.SampledFrom([]string{"s", "ms", "us", "ns"}).Draw(t, "unit")
		if !protocol.ValidNumber(text) {
			t.Fatalf("%s is no number", text)
		}
		exact, _ := new(big.Rat).SetString(text)
		exact.Mul(exact, thousand[unit])
		want := new(big.Int).Quo(exact.Num(), exact.Denom())
		got, err := millis(text, units[unit])
		switch {
		case !want.IsInt64():
			if !errors.Is(err, errTooLate) {
				t.Fatalf("%s %s: %d, %v; want an error for %v", text, unit, got, err, want)
			}
		case err != nil || got != want.Int64():
			t.Fatalf("%s %s: %d, %v; want %v", text, unit, got, err, want)
		}
	})
}
