package book

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/client"
)

// play has a Book take a script for the room R, and returns what it shows after each step: the price, and why it is
// stale. A step is
//
//	A5 +3   the live price 5 of the count A, taken in 3 ms after the start; A5s +3 a snapshot of it
//	-5      the live price 5 without a stamp; -5s a snapshot of it
//	A6x     the instrument is retired; none: the server knows no price
//	lost    the connection is lost, and another one is made; wait: SettleTime passes
func play(t *testing.T, script string) string {
	t.Helper()
	start := time.Now()
	b := &Book{since: start}
	r := newRoom("R")
	b.rooms.Store("R", r)
	var shown []string
	for step := range strings.SplitSeq(script, ",") {
		words := strings.Fields(step)
		switch word := words[0]; word {
		case "lost":
			b.losses.Add(1)
			b.apply(client.Disconnected{})
			b.apply(client.Connected{})
		case "wait":
			time.Sleep(SettleTime)
		case "none":
			b.apply(client.NoSnapshot{Room: "R"})
		default:
			number := strings.TrimRight(word[1:], "sx")
			u := client.PriceUpdate{Instrument: "R", Price: client.Price(number), Snapshot: strings.HasSuffix(word, "s")}
			if word[0] != '-' {
				seq, _ := strconv.ParseUint(number, 10, 64)
				u.Stamp = &client.Stamp{Epoch: word[:1], Seq: seq, At: start}
				if len(words) > 1 {
					ms, _ := strconv.Atoi(words[1])
					u.Stamp.At = start.Add(time.Duration(ms) * time.Millisecond)
				}
			}
			if strings.HasSuffix(word, "x") {
				b.apply(client.Retired{Instrument: "R", Stamp: u.Stamp})
			} else {
				b.apply(u)
			}
		}
		q, _ := b.show(r.held.Load(), true, false)
		text := string(q.Price)
		if q.Stamp != nil {
			text = q.Stamp.Epoch + text
		}
		if q.Why != Fresh {
			text += "?" + map[Why]string{Disconnected: "lost", Behind: "behind", NeverHeard: "none", Retired: "retired"}[q.Why]
		}
		shown = append(shown, text)
	}
	return strings.Join(shown, " ")
}

func TestPricesOfTwoConnections(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"one connection", "A1,A2,B1 -9,A3", "A1 A2 B1 A3"}, // its order counts, whatever the clocks
		{"a moved one repeats", "A5 +5,B7 +7,A5s +5", "A5 B7 A5"},
		{"the same again", "A5 +5,lost,A5s +5,A6 +6", "A5 A5?lost A5 A6"},
		{"newer", "A5 +5,lost,A9s +9,A10", "A5 A5?lost A9 A10"},
		{"the server is behind", "A5 +5,lost,A3s +3,A4 +4,A5 +5,A6 +6", "A5 A5?lost A5?behind A5?behind A5 A6"},
		{"behind, and conflated", "A5 +5,lost,A3s +3,A9 +9", "A5 A5?lost A5?behind A9"},
		{"another instance, newer", "A5 +5,lost,B1s +9", "A5 A5?lost B1"},
		{"another instance, older", "A5 +5,lost,B1s +2,B2 +4,B3 +6", "A5 A5?lost A5?behind A5?behind B3"},
		{"another instance, older as a count that is known", "B1 +1,A5 +5,lost,B1s +1,A5 +5", "B1 A5 A5?lost A5?behind A5"},
		{"a wrong clock silences nobody", "A5 +90,lost,B1s +2,wait,B2 +4,B3 +5", "A5 A5?lost A5?behind A5?behind B2 B3"},
		{"but numbers always count", "A5 +90,lost,wait,A4 +2,A6", "A5 A5?lost A5?lost A5?behind A6"},
		{"retired", "A5 +5,A6x +6,lost,A5s +5,A6x +6,A7 +7", "A5 ?retired ?lost ?retired ?retired A7"},
		{"retired meanwhile", "A5 +5,lost,none,A5s +5,A9 +9", "A5 A5?lost ?none A5 A9"},
		{"unknown, and then older", "A5 +5,lost,none,A4s +4", "A5 A5?lost ?none ?none"},
		{"without stamps", "-5,-6,lost,-4s,-7", "5 6 6?lost 4 7"},
		{"with stamps again", "A5 +5,lost,-4s,lost,A3s +3", "A5 A5?lost 4 4?lost A3"},
		{"lost twice", "A5 +5,lost,A3s +3,lost,A2s +2,A6", "A5 A5?lost A5?behind A5?lost A5?behind A6"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := play(t, c.script); got != c.want {
				t.Errorf("%s: %s\nshows %s\nwant  %s", c.name, c.script, got, c.want)
			}
		})
	}
}

// TestOneCountNeverGoesBack has connections to instances that are behind by any number, with losses between.
func TestOneCountNeverGoesBack(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 0))
		b := &Book{since: time.Now()}
		r := newRoom("R")
		b.rooms.Store("R", r)
		newest, at := uint64(0), uint64(1) // shown; of this connection
		for range 200 {
			if rng.IntN(10) == 0 {
				b.losses.Add(1)
				b.apply(client.Disconnected{})
				b.apply(client.Connected{})
				at = max(1, at-min(at, rng.Uint64N(6)))
			}
			u := client.PriceUpdate{Instrument: "R", Price: client.Price(strconv.FormatUint(at, 10)), Snapshot: rng.IntN(5) == 0}
			u.Stamp = &client.Stamp{Epoch: "A", Seq: at, At: time.UnixMilli(int64(at))}
			b.apply(u)
			q, _ := b.show(r.held.Load(), true, false)
			if q.Stamp.Seq < newest || q.Stamp.Seq < at {
				t.Fatalf("seed %d: %d is shown behind %d, and %d has come", seed, q.Stamp.Seq, newest, at)
			}
			newest = q.Stamp.Seq
			at += 1 + rng.Uint64N(3)
		}
	}
}

func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Book{since: time.Now(), maxAge: 5 * time.Second}
		r := newRoom("R")
		b.rooms.Store("R", r)
		expect := func(age time.Duration, why Why) {
			t.Helper()
			if q, fresh := b.show(r.held.Load(), true, false); q.Age != age || q.Why != why || fresh != (why == Fresh) {
				t.Errorf("%v old, %v, want %v, %v", q.Age, q.Why, age, why)
			}
		}
		expect(0, NeverHeard)
		u := client.PriceUpdate{Instrument: "R", Price: "1", Snapshot: true, Stamp: &client.Stamp{Epoch: "A", Seq: 1, At: time.Now(), Age: 3 * time.Second}}
		b.apply(u)
		expect(3*time.Second, Fresh)
		time.Sleep(2 * time.Second)
		expect(5*time.Second, Fresh)
		time.Sleep(time.Second)
		expect(6*time.Second, TooOld)
		b.apply(client.FeedStatus{Room: "R", Silent: true})
		expect(6*time.Second, FeedSilent)
		b.losses.Add(1)
		expect(6*time.Second, Disconnected)
		b.apply(client.Disconnected{})
		b.apply(client.Connected{})
		u.Stamp.Age = 7 * time.Second
		b.apply(u) // the same: it grows no younger
		expect(6*time.Second, TooOld)
		b.apply(client.PriceUpdate{Instrument: "R", Price: "2", Stamp: &client.Stamp{Epoch: "A", Seq: 2, At: time.Now().Add(-time.Hour)}})
		expect(0, Fresh)
		time.Sleep(time.Second)
		expect(time.Second, Fresh)
	})
}

func TestReasons(t *testing.T) {
	for why, want := range map[Why]string{Fresh: "fresh", TooOld: "too old", BridgeDegraded: "bridge degraded", -1: "Why(-1)", 99: "Why(99)"} {
		if got := fmt.Sprint(why); got != want {
			t.Errorf("%d is %q, want %q", int(why), got, want)
		}
	}
}
