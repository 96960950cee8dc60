package bench

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backbone/internal/cli"
	"backbone/internal/load"
	"backbone/internal/load/report"
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

// A run that does not come to its end costs no result of an earlier one.
func TestWhatAFileHoldsStaysUntilThereIsAResult(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.csv")
	if err := os.WriteFile(path, []byte(strings.Repeat("earlier\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Run{CSV: path, HTML: path}).open(); err == nil {
		t.Error("one file is taken twice")
	}
	files, err := (&Run{CSV: path}).open()
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	if text, err := os.ReadFile(path); err != nil || len(text) != 8000 {
		t.Errorf("%d bytes are left, %v", len(text), err)
	}
	if err := files.write(cli.Streams{Err: io.Discard}, &load.Result{}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || len(text) == 0 || strings.Contains(string(text), "earlier") {
		t.Errorf("the file has %d bytes, %v", len(text), err)
	}
}

// What cannot be synced is written all the same.
func TestAResultGoesIntoAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	files := outputs{{"csv", w, report.WriteCSV}}
	err = files.write(cli.Streams{Err: io.Discard}, &load.Result{})
	files.close()
	if text, _ := io.ReadAll(r); err != nil || len(text) == 0 {
		t.Errorf("%d bytes came, %v", len(text), err)
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
