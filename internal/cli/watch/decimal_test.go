package watch

import (
	"strings"
	"testing"

	"backbone/client"
)

func TestDifferencesAreExact(t *testing.T) {
	for _, c := range []struct{ price, from, want string }{
		{"60214.30", "60201.9", "+12.40"},
		{"0.3", "0.1", "+0.2"},
		{"1.08452", "1.1", "-0.01548"},
		{"9007199254740993", "9007199254740992", "+1"},
		{"0.00000000000000000002", "0.00000000000000000001", "+0.00000000000000000001"},
		{"1E-8", "2e-8", "-0.00000001"},
		{"1E3", "1", "+999"},
		{"-2.5", "2.5", "-5.0"},
		{"1.10", "1.1", "0.00"},
		{"1E300", "1", ""},
		{"1E-300", "1", ""},
		{"1", "", ""},
		{"x", "1", ""},
	} {
		if got := difference(client.Price(c.price), client.Price(c.from)); got != c.want {
			t.Errorf("%s - %s = %q, want %q", c.price, c.from, got, c.want)
		}
	}
}

func TestPointsStandBelowEachOther(t *testing.T) {
	prices := []string{"60214.30", "1.08452", "7", "-0.5", "1E-8", "151.3"}
	var c column
	for _, p := range prices {
		c.fit(p)
	}
	width := c.width(24)
	for _, p := range prices {
		line := c.align(p, width)
		if len(line) != width || strings.TrimSpace(line) != p || len(line)-len(strings.TrimLeft(line, " "))+point(p) != 5 {
			t.Errorf("%q stands as %q in %d columns", p, line, width)
		}
	}
}

func TestAPriceThatDoesNotFitKeepsItsDigits(t *testing.T) {
	c := column{before: 9, behind: 3}
	for price, want := range map[string]string{
		"1.25":           "     1.25 ", // its point one column to the left
		"123456.7891":    "123456.78…",
		"1234567.89":     "1234567.89",
		"12.34567":       " 12.34567 ",
		"12345678901234": "123456789…",
	} {
		if got := c.align(price, 10); strings.TrimSpace(got) != strings.TrimSpace(want) || len([]rune(got)) != 10 {
			t.Errorf("%s stands as %q, want %q", price, got, want)
		}
	}
}
