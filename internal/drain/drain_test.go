package drain

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// client notes when it was told what, and when it was closed.
type client struct {
	begin                  time.Time
	told, after, dismissed time.Duration
	times                  int // that it was told
	warned                 chan struct{}
}

func (c *client) Warn(after time.Duration) {
	c.told, c.after, c.times = time.Since(c.begin), after, c.times+1
	close(c.warned)
}
func (c *client) Dismiss() { c.dismissed = time.Since(c.begin) }

func clients(n int) (all []*client) {
	for range n {
		all = append(all, &client{begin: time.Now(), dismissed: -1, warned: make(chan struct{})})
	}
	return all
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct{ window, overlap time.Duration }{{0, 0}, {2 * time.Second, time.Second}, {time.Minute, 5 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			all := clients(100)
			Spread(t.Context(), all, tt.window)
			if took := time.Since(all[0].begin); took != tt.window {
				t.Errorf("a window of %v took %v", tt.window, took)
			}
			var ends []time.Duration
			for _, c := range all {
				if c.times != 1 || c.told != 0 || c.dismissed-c.after != tt.overlap {
					t.Errorf("window %v: told %d times, at %v to wait %v, closed at %v", tt.window, c.times, c.told, c.after, c.dismissed)
				}
				ends = append(ends, c.dismissed)
			}
			slices.Sort(ends)
			step := (tt.window - tt.overlap) / 100
			for i := range ends[1:] {
				if d := ends[i+1] - ends[i]; d < step-time.Microsecond || d > step+time.Microsecond {
					t.Fatalf("window %v: closed at %v and %v", tt.window, ends[i], ends[i+1])
				}
			}
		})
	}
}

func TestSpreadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		all := clients(2)
		Spread(ctx, all, time.Hour)
		if took := time.Since(all[0].begin); took != 10*time.Second || all[0].dismissed >= 0 {
			t.Errorf("it took %v, closed at %v", took, all[0].dismissed)
		}
		Spread(t.Context(), clients(0), time.Hour)
	})
}

func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		for range 200 {
			c := clients(1)[0]
			var a Age
			a.Begin(time.Hour, c)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if c.after != 0 || c.dismissed-c.told != maxOverlap {
				t.Errorf("told at %v to wait %v, closed at %v", c.told, c.after, c.dismissed)
			}
			told = append(told, c.told)
			a.End()
		}
		if least, most := slices.Min(told), slices.Max(told); least < 54*time.Minute || most > 66*time.Minute || most-least < 6*time.Minute {
			t.Errorf("told between %v and %v", least, most)
		}
		for _, told := range []bool{false, true} {
			c := clients(1)[0]
			var a Age
			a.Begin(67*time.Minute, c) // told between 60.3 and 73.7 minutes
			if told {
				<-c.warned
			} else {
				time.Sleep(time.Hour)
			}
			a.End()
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if c.dismissed >= 0 || (c.times > 0) != told {
				t.Errorf("one that ended was told %d times, closed at %v", c.times, c.dismissed)
			}
		}
	})
}
