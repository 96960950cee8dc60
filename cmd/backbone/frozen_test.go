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

// metric returns a counter of an instance, without a fraction, 0 if there is none.
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
	found := regexp.MustCompile(`(?m)^` + name + ` (\d+)(?:\.\d+)?$`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A process that stood still has sent no heartbeat to Redis, so none that is missing says anything about
// Redis. The answer to a call that was under way lies in the kernel.
func TestAFrozenInstanceKeepsItsRedis(t *testing.T) {
	redis := redistest.Start(t)
	cmd, url, admin := instance(t, proctest.NewPipe(t), "--redis-url="+redis.URL())
	_, otherURL, otherAdmin := instance(t, proctest.NewPipe(t), "--redis-url="+redis.URL())
	reaches := func(admin, name string, n int) {
		t.Helper()
		for late := time.Now().Add(patience); metric(t, admin, name) < n; {
			if time.Now().After(late) {
				t.Fatalf("%s is not %d", name, n)
			}
		}
	}
	const beats, received = "backbone_bridge_heartbeats_total", "backbone_bridge_received_total"
	reaches(admin, beats, 2)
	reaches(otherAdmin, beats, 2)
	for i, c := range []struct{ hangs, stands time.Duration }{
		{0, 4 * time.Second},                               // longer than an instance waits for its heartbeat
		{1100 * time.Millisecond, 4 * time.Second},         // a heartbeat and a ping are under way, and their time is up
		{1100 * time.Millisecond, 1500 * time.Millisecond}, // its ticks do not tell
		{1100 * time.Millisecond, 4 * time.Second},
	} {
		before := metric(t, admin, beats)
		if c.hangs > 0 {
			redis.Freeze()
			<-time.After(c.hangs)
		}
		if err := cmd.Process.Signal(proctest.Freeze); err != nil {
			t.Fatal(err)
		}
		if err := proctest.Frozen(cmd.Process); err != nil {
			t.Fatal(err)
		}
		if c.hangs > 0 {
			redis.Thaw()
		}
		<-time.After(c.stands)
		if err := cmd.Process.Signal(proctest.Thaw); err != nil {
			t.Fatal(err)
		}
		reaches(admin, beats, before+2)
		if n := metric(t, admin, "backbone_bridge_reconnects_total"); n != 0 {
			t.Fatalf("Redis was given up after it hung for %v and the instance stood still for %v", c.hangs, c.stands)
		}
		publishes(t, url)
		publishes(t, otherURL)
		reaches(otherAdmin, received, i+1)
		reaches(admin, received, i+1)
	}
}

// Whoever looks why prices came late is told.
func TestAnInstanceThatStoodStillSaysSo(t *testing.T) {
	log := proctest.NewPipe(t)
	cmd, _, admin := instance(t, log)
	if err := cmd.Process.Signal(proctest.Freeze); err != nil {
		t.Fatal(err)
	}
	if err := proctest.Frozen(cmd.Process); err != nil {
		t.Fatal(err)
	}
	<-time.After(1500 * time.Millisecond)
	if err := cmd.Process.Signal(proctest.Thaw); err != nil {
		t.Fatal(err)
	}
	log.Line("this process stood still")
	if n := metric(t, admin, "backbone_standstill_seconds_total"); n < 1 {
		t.Errorf("it counted %d s", n)
	}
}
