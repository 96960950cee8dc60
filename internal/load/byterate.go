package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ByteRate is a speed in bytes a second.
type ByteRate float64

// byteUnits are the units of a ByteRate, those that String prefers first.
var byteUnits = []struct {
	name  string
	bytes float64
}{{"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads a number with its unit, such as 100KB, 64KiB or 1.5MB.
func (r *ByteRate) UnmarshalText(text []byte) error {
	number := strings.TrimRight(string(text), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/% ")
	unit := strings.TrimSpace(string(text[len(number):]))
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("expected bytes a second like 100KB, not %q", text)
	}
	for _, u := range byteUnits {
		if u.name == unit {
			*r = ByteRate(n * u.bytes)
			return nil
		}
	}
	if unit == "" {
		return fmt.Errorf("%s lacks a unit: expected B, KB, KiB, MB or MiB, as in %sKB", number, number)
	}
	return fmt.Errorf("unknown unit %q: expected B, KB, KiB, MB or MiB, as in %sKB", unit, number)
}

func (r ByteRate) String() string {
	for _, u := range byteUnits {
		if float64(r) >= u.bytes {
			return strconv.FormatFloat(float64(r)/u.bytes, 'g', 6, 64) + u.name
		}
	}
	return strconv.FormatFloat(float64(r), 'g', 6, 64) + "B"
}

// takes is how long n bytes take at this speed.
func (r ByteRate) takes(n int) time.Duration {
	return time.Duration(float64(n) / float64(r) * float64(time.Second))
}
