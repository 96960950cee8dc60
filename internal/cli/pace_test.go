package cli

import (
	"context"
	"math"
	"testing"
	"time"
)

func TestRatesThatNothingCanKeepAreRefused(t *testing.T) {
	for _, rate := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.SmallestNonzeroFloat64, 1e-9, 1e10} {
		for name, err := range map[string]error{"a rate": CheckRate("rate", rate, 1e9), "a rate or none": CheckRateOrNone("rate", rate, 1e9)} {
			if err == nil || err.Error()[:6] != "--rate" {
				t.Errorf("%s of %v: %v, want an error that names the flag", name, rate, err)
			}
		}
	}
	if err := CheckRateOrNone("rate", 0, 1); err != nil {
		t.Error(err)
	}
	if CheckRate("rate", 0, 1) == nil {
		t.Error("no rate is a rate")
	}
	for _, rate := range []float64{MinRate, 0.5, 1e9} {
		if err := CheckRate("rate", rate, 1e9); err != nil {
			t.Error(err)
		}
		if Gap(rate) <= 0 || Gap(rate) > 48*time.Hour {
			t.Errorf("%v/s: events are %v apart", rate, Gap(rate))
		}
	}
}

func TestAPacerKeepsItsRateAndForgetsLongDelays(t *testing.T) {
	ctx := context.Background()
	start := time.Now()
	p := Pacer{next: start}
	for range 5 {
		if err := p.Wait(ctx, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("five waits of 10ms took %v", took)
	}
	p.next = time.Now().Add(-time.Hour)
	if err := p.Wait(ctx, time.Millisecond); err != nil || time.Since(p.next) > time.Second {
		t.Errorf("after an hour's delay the next is due at %v, error %v", p.next, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Wait(ended, time.Hour); err == nil {
		t.Error("a wait goes on after its context has ended")
	}
}
