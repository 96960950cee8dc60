package human

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"backbone/client"
)

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Group(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if many, rate := Group(uint64(5_000_000_000)), Count(5e9); many != "5,000,000,000" || rate != many { // more than an int of 32 bits holds
		t.Errorf("%s and %s", many, rate)
	}
}

func TestRatesAndAmountsAreReadable(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.5: "0.50", 9.99: "9.99", 10.4: "10", 1234.5: "1,235"} {
		if got := Count(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	if one, many := Things(1, "room"), Things(2000, "room"); one != "1 room" || many != "2,000 rooms" {
		t.Errorf("%q and %q", one, many)
	}
}

func TestMillisecondsHaveAFittingUnit(t *testing.T) {
	for ms, want := range map[float64]string{0.0421: "42.1 us", 0.9: "900 us", 1.234: "1.23 ms", 99.96: "100 ms", 2500: "2.50 s"} {
		if got := Millis(&ms); got != want {
			t.Errorf("%v: %q, want %q", ms, got, want)
		}
	}
	if got := Millis(nil); got != "-" {
		t.Errorf("nothing measured: %q", got)
	}
}

func TestDurationsAreBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "-", 999 * time.Microsecond: "999 us", 1500 * time.Microsecond: "1.5 ms", 9999 * time.Millisecond: "9999.0 ms", 61 * time.Second: "1m1s",
	} {
		if got := Brief(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestErrorsAreSaidWithoutTheSDK(t *testing.T) {
	cause := errors.New("client: connection reset")
	for err, want := range map[error]string{
		cause:                   "connection reset",
		errors.New("disk full"): "disk full",
		fmt.Errorf("first: %w", &client.ConnectError{URL: "ws://h", Err: cause}): "connection reset",
	} {
		if got := Error(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
