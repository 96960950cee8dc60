package directory

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// run is a directory in a bubble.
func run(t *testing.T) *Directory {
	d := New()
	ctx, end := context.WithCancel(t.Context())
	go d.Run(ctx)
	t.Cleanup(func() {
		end()
		<-d.done
		d.Follow(&Follower{}, "nobody waits")
	})
	return d
}

// A follower is woken once for what came together, and hears of each room once, in order.
func TestFollowersAreWokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t)
		wakes := make(chan string, 10)
		woken := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for range len(wakes) {
				got = append(got, <-wakes)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("woken %q, want %q", got, want)
			}
		}
		follower := func(name string, prefixes ...string) *Follower {
			f := NewFollower(func() { wakes <- name })
			for _, prefix := range prefixes {
				d.Follow(f, prefix)
				d.Follow(f, prefix) // again
			}
			return f
		}
		d.Rooms() <- []string{"BTC_OLD"}
		all, btc, whole := follower("all", ""), follower("btc", "BTC_", "BTC"), follower("whole", "ETH_USDT")
		hears := func(f *Follower, want ...string) {
			t.Helper()
			if got, lost := d.News(f); lost || !slices.Equal(got, want) {
				t.Errorf("news %q, lost %v; want %q", got, lost, want)
			}
		}
		hears(all)
		d.Rooms() <- []string{"BTC_USDT"}
		d.Rooms() <- []string{"BTC_EUR", "ETH"}
		woken()
		time.Sleep(gather)
		woken("all", "btc")
		d.Rooms() <- []string{"BTC_GBP"}
		time.Sleep(time.Second)
		woken()
		hears(all, "BTC_USDT", "BTC_EUR", "ETH", "BTC_GBP")
		d.Unfollow(btc, "BTC_", "of nobody")
		d.Rooms() <- []string{"ETH_USDT", "BTC_X"}
		time.Sleep(time.Second)
		woken("all", "whole") // btc has not asked yet
		hears(btc, "BTC_USDT", "BTC_EUR", "ETH", "BTC_GBP", "ETH_USDT", "BTC_X")
		d.Unfollow(btc, "BTC")
		d.Unfollow(all, "")
		d.Unfollow(whole, "ETH_USDT")
		d.Rooms() <- []string{"BTC_Y"}
		time.Sleep(time.Second)
		if woken(); len(d.followers) > 0 {
			t.Errorf("%d prefixes are followed", len(d.followers))
		}
	})
}

// One that follows nothing when it is to be woken is woken when it follows again.
func TestWhoFollowsAgainIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t)
		var woken atomic.Int32
		f := NewFollower(func() { woken.Add(1) })
		d.Follow(f, "A")
		d.Rooms() <- []string{"A1"}
		d.Unfollow(f, "A")
		time.Sleep(time.Second)
		d.Follow(f, "A")
		d.Rooms() <- []string{"A2"}
		time.Sleep(time.Second)
		if got, lost := d.News(f); woken.Load() != 1 || lost || !slices.Equal(got, []string{"A2"}) {
			t.Errorf("woken %d times, news %q, lost %v", woken.Load(), got, lost)
		}
	})
}

// Names cost nothing for followers that were woken and have not asked.
func TestWokenFollowersArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t)
		all := make([]*Follower, 100)
		for i := range all {
			all[i] = NewFollower(func() {})
			d.Follow(all[i], "A")
			d.Follow(all[i], "A1")
		}
		visits := func(want int) {
			t.Helper()
			d.do(func() {
				if got := len(d.followers["A"].asked) + len(d.followers["A1"].asked); got != want {
					t.Errorf("the next name visits %d followers, want %d", got, want)
				}
			})
		}
		visits(200)
		d.Rooms() <- []string{"A1"}
		visits(0)
		time.Sleep(time.Second)
		d.Rooms() <- []string{"A11"}
		visits(0)
		d.News(all[0])
		visits(2)
	})
}

// What is kept is bounded: who asks too late is told so, and hears all that comes then.
func TestWhoAsksTooLateIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t)
		var woken atomic.Int32
		late, quick := NewFollower(func() { woken.Add(1) }), NewFollower(func() {})
		d.Follow(late, "")
		d.Follow(quick, "")
		var heard []string
		const rooms = 5 * kept
		for n := range rooms {
			d.Rooms() <- []string{fmt.Sprint(n)}
			if n%1000 == 0 || n == rooms-1 {
				names, lost := d.News(quick)
				if lost {
					t.Fatal("lost what was asked for in time")
				}
				heard = append(heard, names...)
			}
		}
		for n, name := range heard {
			if name != fmt.Sprint(n) {
				t.Fatalf("name %d is %s", n, name)
			}
		}
		if len(heard) != rooms || len(d.names) > 2*kept {
			t.Errorf("heard of %d rooms, and %d names are kept", len(heard), len(d.names))
		}
		ask := func(want bool) {
			t.Helper()
			if names, lost := d.News(late); lost != want || len(names) > 0 {
				t.Errorf("lost %v, %d names", lost, len(names))
			}
		}
		ask(true)
		ask(false)
		before := woken.Load()
		d.Rooms() <- nil
		time.Sleep(gather)
		if synctest.Wait(); woken.Load() != before+1 {
			t.Errorf("woken %d times by what was left out", woken.Load()-before)
		}
		ask(true)
		ask(false)
	})
}
