package load

import (
	"testing"
	"time"
)

func TestByteRates(t *testing.T) {
	for text, want := range map[string]ByteRate{"100KB": 1e5, "64KiB": 65536, "1.5MB": 1.5e6, "2MiB": 2 << 20, "300B": 300, "20 KB": 2e4} {
		var got ByteRate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, float64(got), err, float64(want))
		}
	}
	for text, want := range map[string]string{
		"100kb": `unknown unit "kb": expected B, KB, KiB, MB or MiB, as in 100KB`,
		"1KB/s": `unknown unit "KB/s": expected B, KB, KiB, MB or MiB, as in 1KB`,
		"100":   "100 lacks a unit: expected B, KB, KiB, MB or MiB, as in 100KB",
		"fast":  `expected bytes a second like 100KB, not "fast"`,
		"":      `expected bytes a second like 100KB, not ""`,
	} {
		var got ByteRate
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for rate, want := range map[ByteRate]string{1e5: "100KB", 1.5e6: "1.5MB", 300: "300B", 65536: "65.536KB", 0: "0B"} {
		if got := rate.String(); got != want {
			t.Errorf("%v: %s, want %s", float64(rate), got, want)
		}
	}
	if got := ByteRate(1000).takes(500); got != time.Second/2 {
		t.Errorf("500 bytes take %v", got)
	}
}
