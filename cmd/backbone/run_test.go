package main

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"backbone/internal/cli"
)

func TestRunWritesHelpToItsOwnStreams(t *testing.T) {
	var out, stderr bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: &out, Err: &stderr}
	if code := run(context.Background(), []string{"demo", "--help"}, s); code != 0 || !strings.Contains(out.String(), "--redis-url") || stderr.Len() > 0 {
		t.Errorf("exit code %d, output %q, errors %q", code, &out, &stderr)
	}
}

func TestRatesThatNothingCanKeepAreRefused(t *testing.T) {
	for _, rate := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.SmallestNonzeroFloat64, 1e-9, 1e10} {
		for name, err := range map[string]error{
			"bench":           (&benchCmd{Consumers: 1, Rooms: 1, Joins: 1, Burst: 1, Rate: rate, SlowRate: 1}).Validate(),
			"bench slow rate": (&benchCmd{Consumers: 1, Rooms: 1, Joins: 1, Burst: 1, Rate: 1, SlowRate: rate}).Validate(),
		} {
			if err == nil || err.Error()[:2] != "--" {
				t.Errorf("%s --rate %v: %v, want an error that names the flag", name, rate, err)
			}
		}
	}
	for _, rate := range []float64{cli.MinRate, 0.5, 1e9} {
		if s := (schedule{rate: rate, burst: maxBenchBurst}); s.due(1) <= 0 {
			t.Errorf("at %v/s the second burst is due at %v", rate, s.due(1))
		}
	}
}
