package moment

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBothClocksGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := Now()
		time.Sleep(90 * time.Minute) // of the bubble
		now := Now()
		if got := now.Since(before.Steady); got != 90*time.Minute {
			t.Errorf("%v by the steady clock, want 90 minutes", got)
		}
		if want := before.Add(90 * time.Minute); now != want {
			t.Errorf("it is %+v, want %+v", now, want)
		}
	})
}

func TestTheSteadyClockBeginsWithTheProgram(t *testing.T) {
	now := Now()
	if now.Steady < 0 || now.Steady > time.Hour {
		t.Errorf("%v after the start of the program", now.Steady)
	}
	if wall := time.Now().UnixMilli(); now.UnixMS > wall || now.UnixMS < wall-60_000 {
		t.Errorf("the wall clock is %d, want %d", now.UnixMS, wall)
	}
}
