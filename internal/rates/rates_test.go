package rates

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTexts(t *testing.T) {
	for text, want := range map[string]Rate{"0": {}, "0/0": {}, "100": {100, 100}, "100/100": {100, 100}, "100/7": {100, 7}, "1/500": {1, 500}} {
		var got Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
		var again Rate
		if short, _ := got.MarshalText(); again.UnmarshalText(short) != nil || again != got {
			t.Errorf("%s is written as %s", text, short)
		}
	}
	for _, text := range []string{"", "-1", "1/", "/1", "1/-1", "1.5", "x", "1/2/3", "0/5", "5/0", "99999999999"} {
		if err := new(Rate).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Rate{10, 3}.Bucket()
		allowed := func() (n int) {
			for b.Allow() {
				n++
			}
			return n
		}
		if n := allowed(); n != 3 {
			t.Errorf("%d at once", n)
		}
		time.Sleep(200 * time.Millisecond)
		if n := allowed(); n != 2 {
			t.Errorf("%d after 0.2 s", n)
		}
		time.Sleep(time.Hour)
		if n := allowed(); n != 3 {
			t.Errorf("%d after an hour", n)
		}
	})
}

// More than the bucket holds takes its time, and is there in the end.
func TestTakeMoreThanTheBucketHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Rate{10, 3}.Bucket()
		for _, step := range []struct {
			n    int
			wait time.Duration
		}{{3, 0}, {1, 100 * time.Millisecond}, {100, 10100 * time.Millisecond}, {0, 0}} {
			if got := b.Take(step.n).Round(time.Millisecond); got != step.wait {
				t.Errorf("%d are there after %v, want %v", step.n, got, step.wait)
			}
		}
	})
}

func TestPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := PerMinute(5), 0
		for range 60 {
			for b.Allow() {
				n++
			}
			time.Sleep(time.Second)
		}
		if n < 9 || n > 10 {
			t.Errorf("%d in the first minute, of which 5 at once", n)
		}
		if PerMinute(0).Allow() {
			t.Error("one of none")
		}
	})
}

func TestNoLimit(t *testing.T) {
	b := Rate{}.Bucket()
	if !b.Allow() || b.Take(1<<30) != 0 || b.Burst() != 0 {
		t.Error("it limits")
	}
}
