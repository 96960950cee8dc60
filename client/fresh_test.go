package client_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/server/servertest"
)

// feed publishes prices of five rooms all the time, with the time in milliseconds as ts, until
// the test ends.
func feed(t *testing.T, url string, every time.Duration) {
	t.Helper()
	in, err := client.DialIngestor(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
			for _, room := range fiveRooms {
				u := client.PriceUpdate{Instrument: room, Price: client.Price(strconv.Itoa(n)), TS: time.Now().UnixMilli()}
				_ = in.Publish(t.Context(), u) // fails at the end
			}
		}
	}()
	t.Cleanup(func() { <-done; in.CloseNow() })
}

var fiveRooms = []string{"R0", "R1", "R2", "R3", "R4"}

// The program is slow, and everything before it is fast: what it takes must not have grown old
// in the client's buffer.
func TestASlowProgramReadsYoungPrices(t *testing.T) {
	url := servertest.Start(t).URL()
	feed(t, url, 2*time.Millisecond)
	c, err := client.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(t.Context(), fiveRooms...); err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(2 * time.Millisecond) // 500 events a second, of 2,500
	defer pace.Stop()
	median := func() time.Duration { // of a second
		var ages []time.Duration
		for start := time.Now(); time.Since(start) < time.Second; <-pace.C {
			if u, ok := (<-c.Events()).(client.PriceUpdate); ok {
				ages = append(ages, time.Since(time.UnixMilli(u.TS)))
			}
		}
		slices.Sort(ages)
		return ages[len(ages)/2]
	}
	// What was under way when it turned slow comes first. The buffer alone holds two seconds.
	for range 3 {
		median()
	}
	age := median()
	for end := time.Now().Add(20 * time.Second); age > time.Second && time.Now().Before(end); age = median() {
	}
	if age > time.Second {
		t.Errorf("prices are %v old at the median, want 0.5 s", age)
	}

	// With its buffer full, the goroutine that takes events joins: the reply comes at once.
	time.Sleep(time.Second) // takes nothing
	start := time.Now()
	if err := c.Join(t.Context(), "ANOTHER"); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("a join took %v", d)
	}
}
