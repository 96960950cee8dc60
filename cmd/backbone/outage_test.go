//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/proctest"
)

// host is a server that a test kills and starts again on the same port.
type host struct {
	t    *testing.T
	port string
	cmd  *exec.Cmd
}

func newHost(t *testing.T) *host {
	h := &host{t: t, port: strconv.Itoa(proctest.FreePort(t))}
	h.start()
	return h
}

func (h *host) url() string { return "ws://127.0.0.1:" + h.port }

func (h *host) start() {
	h.t.Helper()
	log := proctest.NewPipe(h.t)
	h.cmd = runs(h.t, nil, log, "serve", "--listen=127.0.0.1:"+h.port, "--admin-listen=")
	log.Line(`"listen":`)
}

func (h *host) kill() {
	h.t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = h.cmd.Wait() // killed
}

// lastPrices are the snapshots of rooms.
func (h *host) lastPrices(rooms ...string) map[string]client.Price {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), patience)
	defer stop()
	conn, err := client.Dial(ctx, h.url(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Join(ctx, rooms...); err != nil {
		h.t.Fatal(err)
	}
	last := map[string]client.Price{}
	for len(last) < len(rooms) {
		select {
		case ev := <-conn.Events():
			if u, ok := ev.(client.PriceUpdate); ok {
				last[u.Instrument] = u.Price
			}
		case <-ctx.Done():
			h.t.Fatalf("of %v only %v came", rooms, last)
		}
	}
	return last
}

// A server that was killed comes back, and is not told what was new once.
func TestAnIngestorOutlivesItsServerWithoutOldPrices(t *testing.T) {
	h := newHost(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	events := make(chan client.Event, 1000)
	expect := func(what string, is func(client.Event) bool) {
		t.Helper()
		for {
			select {
			case ev := <-events:
				if is(ev) {
					return
				}
			case <-ctx.Done():
				t.Fatalf("no %s came", what)
			}
		}
	}
	ingestor, err := client.DialIngestor(ctx, h.url(), &client.IngestorOptions{OnEvent: func(ev client.Event) { events <- ev }})
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.CloseNow()
	publish := func(instrument string, from, to int) {
		t.Helper()
		for i := from; i <= to; i++ {
			soon, cancel := context.WithTimeout(ctx, time.Second)
			if err := ingestor.Publish(soon, client.PriceUpdate{Instrument: instrument, Price: client.Price(strconv.Itoa(i)), TS: int64(i)}); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
	}
	publish("BTC", 100, 100)
	if err := ingestor.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	h.kill()
	expect("Disconnected", func(ev client.Event) bool { _, ok := ev.(client.Disconnected); return ok })
	publish("BTC", 101, 500)
	publish("ETH", 1, 100)
	h.start()
	expect("LeftOut of 498 prices", func(ev client.Event) bool { return ev == client.LeftOut{Conflated: 498} })
	if err := ingestor.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if last := h.lastPrices("BTC", "ETH"); last["BTC"] != "500" || last["ETH"] != "100" {
		t.Errorf("got %v", last)
	}
}

// publish waits with its input while there is no connection, or reads on, as it is told.
func TestPublishOutlivesItsServer(t *testing.T) {
	const events = 8000 // far more than fit into a pipe and the program's queues
	for _, c := range []struct {
		flags []string
		want  string
		least int // that must be left out
	}{
		{nil, `sent 8,001, rejected 0 in`, 0},
		{[]string{"--ack"}, `sent (8,001), acked (8,00[01]), rejected 0 in`, 0},
		{[]string{"--outage=newest"}, `sent ([\d,]+), left out ([\d,]+), rejected 0 in`, 1000},
		{[]string{"--outage=newest", "--ack"}, `sent ([\d,]+), acked ([\d,]+), left out ([\d,]+), rejected 0 in`, 1000},
		{[]string{"--outage=none"}, `sent ([\d,]+), left out ([\d,]+), rejected 0 in`, 1000},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			h := newHost(t)
			cmd := command(append([]string{"publish", "--url=" + h.url(), "--connect-timeout=1m"}, c.flags...)...)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			said := proctest.NewPipe(t)
			cmd.Stderr = said.W
			begin(t, cmd)
			line := func(i int) string {
				return fmt.Sprintf(`{"type":"price_update","instrument":"A","price":%d,"ts":1}`+"\n", i)
			}
			if _, err := io.WriteString(in, line(1)); err != nil {
				t.Fatal(err)
			}
			h.lastPrices("A") // it has come
			h.kill()
			said.Line("connection lost")
			var rest bytes.Buffer
			// What becomes of a quiet instrument is known last, and nothing waits for that.
			rest.WriteString(`{"type":"price_update","instrument":"QUIET","price":7,"ts":1}` + "\n")
			for i := 2; i <= events; i++ {
				rest.WriteString(line(i))
			}
			written := make(chan struct{})
			go func() {
				defer close(written)
				_, _ = in.Write(rest.Bytes()) // a failure shows in the count
				_ = in.Close()
			}()
			if c.least > 0 {
				select {
				case <-written: // so it has read on
				case <-time.After(patience):
					t.Fatal("it does not read on")
				}
			}
			h.start()
			text := said.Line("rejected 0 in")
			found := regexp.MustCompile(c.want).FindStringSubmatch(text)
			if found == nil {
				t.Fatalf("it said %q, want %q", text, c.want)
			}
			if c.least > 0 {
				sent, _ := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
				left, _ := strconv.Atoi(strings.ReplaceAll(found[len(found)-1], ",", ""))
				if left < c.least || sent+left != events+1 {
					t.Errorf("it said %q of %d events", text, events+1)
				}
			}
			<-written
			err = cmd.Wait()
			if slices.Contains(c.flags, "--ack") {
				// The answer to the first event can be lost with the server. Then the exit code says so.
				sent, _ := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
				acked, _ := strconv.Atoi(strings.ReplaceAll(found[2], ",", ""))
				if acked < sent-1 || (acked == sent) != (exitCode(err) == 0) {
					t.Errorf("it said %q and ended with %v", text, err)
				}
			}
			if c.least == 0 {
				if last := h.lastPrices("A", "QUIET"); last["A"] != "8000" || last["QUIET"] != "7" {
					t.Errorf("the last prices are %v", last)
				}
			}
		})
	}
}
