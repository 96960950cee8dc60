package client_test

import (
	"encoding/json"
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
				u := client.PriceUpdate{Instrument: room, Price: json.Number(strconv.Itoa(n)), TS: time.Now().UnixMilli()}
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
	var ages []time.Duration
	pace := time.NewTicker(2 * time.Millisecond) // 500 events a second, of 2,500
	defer pace.Stop()
	for start := time.Now(); time.Since(start) < 5*time.Second; <-pace.C {
		u, ok := (<-c.Events()).(client.PriceUpdate)
		if ok && time.Since(start) > 3*time.Second {
			ages = append(ages, time.Since(time.UnixMilli(u.TS)))
		}
	}
	slices.Sort(ages)
	if median := ages[len(ages)/2]; median > time.Second {
		t.Errorf("prices are %v old at the median, want 0.5 s; the oldest %v", median, ages[len(ages)-1])
	}
	t.Logf("%d prices: %v at the median, %v at most", len(ages), ages[len(ages)/2], ages[len(ages)-1])

	// With its buffer full, the goroutine that takes events joins: the reply comes at once.
	time.Sleep(time.Second) // takes nothing
	start := time.Now()
	if err := c.Join(t.Context(), "ANOTHER"); err != nil {
		t.Fatal(err)
	}
	t.Logf("a join took %v", time.Since(start))
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("a join took %v", d)
	}
}
