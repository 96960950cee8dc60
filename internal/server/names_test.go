package server_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/redistest"
)

// Names as exchanges and vendors write them: joined, published, kept by Redis and found there.
func TestRealNamesAcrossInstances(t *testing.T) {
	content, err := os.ReadFile("../../protocol/testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			names = append(names, line)
		}
	}
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	here, there := a.consume(names...), b.consume(names...)
	ingestor := a.ingestor()
	for i, name := range names {
		if err := ingestor.PublishAck(t.Context(), client.PriceUpdate{Instrument: name, Price: "1.10", TS: int64(i)}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	live := func(u client.PriceUpdate) bool { return !u.Snapshot }
	either := func(client.PriceUpdate) bool { return true }
	snapshot := func(u client.PriceUpdate) bool { return u.Snapshot }
	receive := func(at string, c *client.Conn, counts func(client.PriceUpdate) bool) {
		t.Helper()
		missing := slices.Clone(names)
		late := time.After(patience)
		for len(missing) > 0 {
			select {
			case e, ok := <-c.Events():
				if !ok {
					t.Fatalf("%s: %v, without %q", at, c.Err(), missing)
				}
				if u, ok := e.(client.PriceUpdate); ok && counts(u) {
					missing = slices.DeleteFunc(missing, func(name string) bool { return name == u.Instrument })
				}
			case <-late:
				t.Fatalf("%s: %q did not come", at, missing)
			}
		}
	}
	receive("A", here, live)
	receive("B", there, either) // what B reads of Redis for the join can come before what Redis passes on
	for _, in := range []*instance{a, b} {
		if err := in.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	later := start(t, withRedis(redis.URL()))
	later.bridgeState("ok")
	receive("from Redis", later.consume(names...), snapshot)
}
