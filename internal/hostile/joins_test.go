//go:build hostile && unix

package hostile

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"backbone/client"
)

// roomsPerJoiner is how many rooms each joiner is in, all with a last price.
const roomsPerJoiner = 3000

// Screens come back together and join all that they show. Meanwhile another consumer gets each price
// soon, measured by how long the joins take: when each join stopped all, a price waited for a good
// part of them.
func TestManyLongJoinsLeaveOthersAlone(t *testing.T) {
	in := serve(t, "", "--last-price-ttl=10m", "--max-age=0")
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	ingestor, err := client.DialIngestor(ctx, in.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.CloseNow()
	var rooms []string
	var prices []client.PriceUpdate
	for i := range roomsPerJoiner {
		rooms = append(rooms, fmt.Sprint("R", i))
		prices = append(prices, client.PriceUpdate{Instrument: rooms[i], Price: "1", TS: 1})
	}
	for some := range slices.Chunk(prices, 500) {
		if err := ingestor.PublishBatch(ctx, some); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ingestor.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	probe := connect(ctx, t, in)
	defer probe.Close()
	if err := probe.Join(ctx, "PROBE"); err != nil {
		t.Fatal(err)
	}

	var joiners sync.WaitGroup
	t.Cleanup(joiners.Wait) // they end with their connections, and fail no test that has ended
	begin := time.Now()
	for range 16 {
		c := connect(ctx, t, in)
		defer c.Close()
		joiners.Go(func() { joinAll(ctx, t, c, rooms) })
	}
	over := make(chan struct{})
	go func() {
		joiners.Wait()
		close(over)
	}()
	var waits []time.Duration
	for joining := true; joining; {
		sent := time.Now()
		if err := ingestor.Publish(ctx, client.PriceUpdate{Instrument: "PROBE", Price: "1", TS: int64(len(waits))}); err != nil {
			t.Fatal(err)
		}
		for {
			event, ok := <-probe.Events()
			if !ok {
				t.Fatal(probe.Err())
			}
			if u, is := event.(client.PriceUpdate); is {
				if u.TS != int64(len(waits)) {
					t.Fatalf("price %d came, %d was expected", u.TS, len(waits))
				}
				break
			}
		}
		waits = append(waits, time.Since(sent))
		select {
		case <-over:
			joining = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	took := time.Since(begin)
	slices.Sort(waits)
	half, most := waits[len(waits)/2], waits[len(waits)-1]
	t.Logf("the joins took %v; of %d prices one in two waited %v, and the longest %v", took, len(waits), half, most)
	if half > took/50 || most > took/4 {
		t.Errorf("prices wait for joins: one in two for %v, the longest for %v of %v", half, most, took)
	}
}

// joinAll joins rooms and takes their snapshots.
func joinAll(ctx context.Context, t *testing.T, c *client.Conn, rooms []string) {
	joined := make(chan error, 1)
	go func() { joined <- c.Join(ctx, rooms...) }()
	for n := 0; n < len(rooms); {
		event, ok := <-c.Events()
		if !ok {
			t.Errorf("a joiner has got %d snapshots and ends: %v", n, c.Err())
			return
		}
		if u, is := event.(client.PriceUpdate); is && u.Snapshot {
			n++
		}
	}
	if err := <-joined; err != nil {
		t.Errorf("a joiner: %v", err)
	}
}

func connect(ctx context.Context, t *testing.T, in *instance) *client.Conn {
	t.Helper()
	c, err := client.Dial(ctx, in.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
