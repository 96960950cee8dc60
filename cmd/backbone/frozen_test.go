//go:build unix

package main

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"backbone/internal/proctest"
	"backbone/internal/redistest"
)

// metric returns a counter of an instance, 0 if there is none.
func metric(t *testing.T, admin, name string) int {
	t.Helper()
	resp, err := http.Get(admin + "/metrics") //nolint:noctx // the instance answers or its test fails
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	found := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A process that stood still has sent no heartbeat to Redis, so none that is missing says
// anything about Redis.
func TestAFrozenInstanceKeepsItsRedis(t *testing.T) {
	redis := redistest.Start(t)
	cmd, _, admin := instance(t, proctest.NewPipe(t), "--redis-url="+redis.URL())
	beats := func(n int) {
		t.Helper()
		for late := time.Now().Add(20 * time.Second); metric(t, admin, "backbone_bridge_heartbeats_total") < n; {
			if time.Now().After(late) {
				t.Fatalf("not %d heartbeats", n)
			}
		}
	}
	beats(2)
	for range 3 {
		before := metric(t, admin, "backbone_bridge_heartbeats_total")
		if err := cmd.Process.Signal(proctest.Freeze); err != nil {
			t.Fatal(err)
		}
		if err := proctest.Frozen(cmd.Process); err != nil {
			t.Fatal(err)
		}
		<-time.After(4 * time.Second) // longer than an instance waits for its heartbeat
		if err := cmd.Process.Signal(proctest.Thaw); err != nil {
			t.Fatal(err)
		}
		beats(before + 2)
	}
	if n := metric(t, admin, "backbone_bridge_reconnects_total"); n != 0 {
		t.Errorf("Redis was given up %d times", n)
	}
}
