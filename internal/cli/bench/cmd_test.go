package bench

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/cli"
	"backbone/internal/load"
)

func TestFilesThatWereWrittenAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.csv")
	files, err := (&Run{CSV: path}).open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	var said strings.Builder
	if err := files.write(cli.Streams{Err: &said}, &load.Result{}); err != nil || said.String() != "wrote "+path+"\n" {
		t.Errorf("said %q, %v", said.String(), err)
	}
}

func TestRatesThatNothingCanKeepAreRefused(t *testing.T) {
	sound := shape{Consumers: 1, Rooms: 1, Joins: 1, Burst: 1, Rate: 1, SlowRate: 1, ReadRate: 1e5, ReceiveBuffer: -1}
	for _, rate := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.SmallestNonzeroFloat64, 1e-9, 1e10} {
		fast, slow := sound, sound
		fast.Rate, slow.SlowRate = rate, rate
		for flag, shape := range map[string]shape{"--rate ": fast, "--slow-rate ": slow} {
			if err := (&Run{shape: shape}).Validate(); err == nil || !strings.HasPrefix(err.Error(), flag) {
				t.Errorf("%s %v: %v, want an error that names the flag", flag, rate, err)
			}
		}
	}
}
