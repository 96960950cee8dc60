//go:build hostile && unix

package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/redistest"
)

func (in *instance) get(url string) string {
	in.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	return string(text)
}

// Another instance's clock is an hour ahead. The line about it stopped the ingest goroutine.
func TestAFullLogPipeAndAWrongClock(t *testing.T) {
	redis := redistest.Start(t)
	in := serve(t, "", "--redis-url", redis.URL())
	in.log.Line("connected to redis")
	in.log.Fill()
	clock := fmt.Sprintf("%016x", (time.Now().UnixMilli()+3_600_000)<<16)
	redis.CLI("PUBLISH", "backbone:heartbeat", `{"v":1,"origin":"00112233445566aa","session":1,"clock":"`+clock+`"}`)
	for late := time.Now().Add(patience); in.metric("backbone_clock_skew_total") == "0"; {
		if time.Now().After(late) {
			t.Fatal("the clock is not noticed")
		}
	}
	in.publishes("A")
	in.stops(10 * time.Second)
}

// The process runs out of file descriptors. The line about it stopped accepting.
func TestAFullLogPipeAndNoDescriptorLeft(t *testing.T) {
	in := serve(t, "ulimit -n 60;")
	in.log.Fill()
	var open []net.Conn
	for range 100 {
		if c, err := net.Dial("tcp", in.addr); err == nil {
			open = append(open, c)
		}
	}
	time.Sleep(2 * time.Second) // accepting fails meanwhile
	for _, c := range open {
		c.Close()
	}
	in.publishes("A")
	in.stops(10 * time.Second)
}

// What net/http of the admin address says about missing descriptors is JSON like the rest.
func TestEveryLineOfTheLogIsJSON(t *testing.T) {
	in := serve(t, "ulimit -n 60;", "--log-level=debug")
	text := make(chan string, 1)
	var open []net.Conn
	for range 60 {
		for _, addr := range []string{in.addr, strings.TrimPrefix(in.admin, "http://")} {
			if c, err := net.Dial("tcp", addr); err == nil {
				_, _ = io.WriteString(c, "nonsense\r\n\r\n")
				open = append(open, c)
			}
		}
	}
	time.Sleep(2 * time.Second)
	for _, c := range open {
		c.Close()
	}
	go func() { text <- in.log.Rest() }()
	in.stops(10 * time.Second)
	lines := 0
	for line := range strings.Lines(<-text) {
		lines++
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if lines < 5 {
		t.Errorf("only %d lines", lines)
	}
}

// Scrapers ask for metrics and profiles and read nothing.
func TestScrapersThatNeverReadAreClosed(t *testing.T) {
	in := serve(t, "")
	_ = in.get(in.admin + "/metrics")
	http.DefaultClient.CloseIdleConnections()
	before := descriptors(in)
	for range 5 {
		c, err := net.Dial("tcp", strings.TrimPrefix(in.admin, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.(*net.TCPConn).SetReadBuffer(1024); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400)); err != nil {
			t.Fatal(err)
		}
	}
	in.publishes("A")
	for late := time.Now().Add(60 * time.Second); descriptors(in) > before; time.Sleep(time.Second) {
		if time.Now().After(late) {
			t.Fatalf("%d descriptors are open, %d were", descriptors(in), before)
		}
	}
	in.stops(10 * time.Second)
}

func descriptors(in *instance) int {
	in.t.Helper()
	n, err := strconv.Atoi(in.metric("process_open_fds"))
	if err != nil {
		in.t.Fatal(err)
	}
	return n
}
