package paced

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// work takes a time in pieces of a millisecond, and returns how long that took with rests.
func work(w *Work, d time.Duration) time.Duration {
	begin := time.Now()
	w.Begin(time.Hour, nil)
	for range d / time.Millisecond {
		time.Sleep(time.Millisecond) // in a bubble: the piece of work
		w.Pause()
	}
	w.End()
	return time.Since(begin)
}

func TestWorkGetsAShareOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		if took := work(w, 10*time.Millisecond); took != 10*time.Millisecond {
			t.Errorf("short work took %v", took)
		}
		if took := work(w, 100*time.Millisecond); took != 300*time.Millisecond {
			t.Errorf("100 ms of work behind it took %v, want three times as long", took)
		}
		time.Sleep(credit / 2)
		if took := work(w, 20*time.Millisecond); took != 60*time.Millisecond-credit/2 {
			t.Errorf("work after a short calm took %v", took)
		}
		time.Sleep(time.Hour)
		if took := work(w, 20*time.Millisecond); took != 60*time.Millisecond-credit {
			t.Errorf("work after a calm took %v", took)
		}
	})
}

// What one owes the next one rests for, so nobody who has done his work waits.
func TestTheNextOneRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		once := func(d time.Duration) (began, took time.Duration) {
			begin := time.Now()
			w.Begin(time.Hour, nil)
			began = time.Since(begin)
			time.Sleep(d)
			w.End()
			return began, time.Since(begin)
		}
		if began, took := once(mostCharged); began != 0 || took != mostCharged {
			t.Errorf("the first began after %v and ended after %v", began, took)
		}
		if began, took := once(time.Minute); began != restFor*mostCharged-credit || took != began+time.Minute {
			t.Errorf("the second began after %v and ended after %v", began, took)
		}
		if began, _ := once(0); began != restFor*mostCharged {
			t.Errorf("behind a piece that stood still the next began after %v, want %v", began, restFor*mostCharged)
		}
	})
}

func TestShortRestsAreTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		work(w, 10*time.Millisecond) // the credit
		w.Begin(time.Hour, nil)
		begin, pieces := time.Now(), 0
		for time.Since(begin) == time.Duration(pieces)*100*time.Microsecond {
			time.Sleep(100 * time.Microsecond)
			pieces++
			w.Pause()
		}
		if pieces != 5 || time.Since(begin) != 1500*time.Microsecond {
			t.Errorf("the rest came after %d pieces of 0.1 ms, in all %v", pieces, time.Since(begin))
		}
		w.End()
	})
}

func TestTurnsAndSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		w.Begin(time.Hour, nil)
		order := make(chan int, 3)
		var signs atomic.Int32
		for n := range 3 {
			go func() {
				w.Begin(time.Second, func() bool { signs.Add(1); return true })
				order <- n
				w.End()
			}()
			synctest.Wait()
		}
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		if signs.Load() != 6 || len(order) != 0 {
			t.Errorf("three that wait 2.5 s gave %d signs of life, %d began", signs.Load(), len(order))
		}
		w.End()
		for n := range 3 {
			if got := <-order; got != n {
				t.Errorf("%d is the next, want %d", got, n)
			}
		}
	})
}

func TestTheEndWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		w := New(stop)
		w.Begin(time.Hour, nil)
		waits := make(chan bool)
		go func() { waits <- w.Begin(time.Hour, nil) }()
		synctest.Wait()
		close(stop)
		if <-waits {
			t.Error("it began though all ends")
		}
		begin := time.Now()
		time.Sleep(time.Minute)
		w.Pause()
		w.Pause()
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it rested for %v", took-time.Minute)
		}
		w.End()
	})
}

func TestWhoGivesUpLeavesItsTurnToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		w.Begin(time.Hour, nil)
		begin := time.Now()
		if w.Begin(time.Second, func() bool { return time.Since(begin) < 3*time.Second }) {
			t.Error("it began though another one works")
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it gave up after %v", took)
		}
		w.End()
		if !w.Begin(time.Hour, nil) {
			t.Error("the next one did not begin")
		}
		w.End()
	})
}
