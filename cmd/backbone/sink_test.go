//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/proctest"
	"backbone/internal/secrettest"
)

func command(args ...string) *exec.Cmd {
	cmd := exec.Command("backbone", args...)
	cmd.Env = append(os.Environ(), "GORACE="+quickExit)
	return cmd
}

// begin starts a command, which is killed at the end of the test.
func begin(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := proctest.Begin(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
}

// runs starts the program. A stream without a pipe goes nowhere.
func runs(t *testing.T, out, stderr *proctest.Pipe, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(args...)
	if out != nil {
		cmd.Stdout = out.W
	}
	if stderr != nil {
		cmd.Stderr, stderr.Secrets = stderr.W, secrettest.Args("", args)
	}
	begin(t, cmd)
	return cmd
}

// endsOn sends a signal and expects the end within the time, with one of the exit codes.
func endsOn(t *testing.T, cmd *exec.Cmd, sig os.Signal, within time.Duration, codes ...int) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !late.Stop() {
		t.Fatalf("it did not end within %v", within)
	}
	if !slices.Contains(codes, exitCode(err)) {
		t.Errorf("it ended with %v, want exit code %v", err, codes)
	}
}

// instance starts a server whose log goes to a pipe, and returns its addresses.
func instance(t *testing.T, log *proctest.Pipe, args ...string) (cmd *exec.Cmd, url, admin string) {
	t.Helper()
	cmd = runs(t, nil, log, append([]string{"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"}, args...)...)
	var line struct{ Listen, Admin string }
	if err := json.Unmarshal([]byte(log.Line(`"listen":`)), &line); err != nil {
		t.Fatal(err)
	}
	return cmd, "ws://" + line.Listen, "http://" + line.Admin
}

func publishes(t *testing.T, url string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ingestor, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.CloseNow()
	pending, err := ingestor.PublishAsync(ctx, client.PriceUpdate{Instrument: "BTC_USDT", Price: "1", TS: 1})
	if err == nil {
		err = pending.Wait(ctx)
	}
	if err != nil {
		t.Fatalf("a price is not accepted: %v", err)
	}
}

// Nobody reads the log: the pipe is full before the first entry of what follows.
func TestAFullLogPipeStopsNeitherRoutingNorTheEnd(t *testing.T) {
	log := proctest.NewPipe(t)
	cmd, url, admin := instance(t, log, "--log-level=debug", "--log-format=json")
	log.Fill()
	for range 5 { // entries at each connect and each close
		publishes(t, url)
	}
	resp, err := http.Get(admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	endsOn(t, cmd, syscall.SIGTERM, 10*time.Second, 0)
}

func TestASecondSignalEndsAnInstanceWhoseLogNobodyReads(t *testing.T) {
	log := proctest.NewPipe(t)
	cmd, url, _ := instance(t, log, "--drain-timeout=1h", "--write-timeout=1h")
	stall(t, url) // it keeps the drain from its end
	log.Fill()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for { // until the first signal has been taken
		if resp, err := http.Get(strings.Replace(url, "ws:", "http:", 1) + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				break
			}
		}
		if t.Context().Err() != nil {
			t.Fatal("the signal does nothing")
		}
	}
	endsOn(t, cmd, syscall.SIGTERM, 5*time.Second, 1)
}

// Nobody reads standard output: the command ends with the signal.
func TestAFullOutputKeepsNoCommandFromItsEnd(t *testing.T) {
	log := proctest.NewPipe(t)
	_, url, _ := instance(t, log)
	for name, args := range map[string][]string{
		"subscribe": {"subscribe", "--url", url, "BTC_USDT"},
		"demo":      {"demo"},
	} {
		t.Run(name, func(t *testing.T) {
			out, stderr := proctest.NewPipe(t), proctest.NewPipe(t)
			cmd := runs(t, out, stderr, args...)
			stderr.Line(map[string]string{"subscribe": "joined", "demo": "try"}[name])
			out.Fill()
			publishes(t, url)
			endsOn(t, cmd, syscall.SIGINT, 5*time.Second, 0, 1) // 1 if a write was under way
		})
	}
}

// The table comes at the end, when the run and its files are done.
func TestAFullOutputKeepsNoBenchFromItsEnd(t *testing.T) {
	out, csv := proctest.NewPipe(t), t.TempDir()+"/over-time.csv"
	out.Fill()
	cmd := runs(t, out, nil, "bench", "--consumers=2", "--rate=100", "--for=200ms", "--warmup=0s", "--csv", csv)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		if written, err := os.Stat(csv); err == nil && written.Size() > 0 {
			break
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the run did not end")
		}
	}
	endsOn(t, cmd, syscall.SIGINT, 10*time.Second, 1)
}

// What is rejected is told on standard error, and waits there for a reader.
func TestAFullErrorPipeDoesNotStopPublish(t *testing.T) {
	log := proctest.NewPipe(t)
	_, url, _ := instance(t, log)
	stderr := proctest.NewPipe(t)
	stderr.Fill()
	cmd := command("publish", "--url", url, "--ack")
	cmd.Stderr = stderr.W
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, cmd)
	// More than pipes and queues hold: all of it is taken only if publish goes on.
	if _, err := io.WriteString(in, strings.Repeat("wrong\n", 40_000)); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	stderr.Line("line 1: ")
	stderr.Line("rejected 40,000 ")
	if err := cmd.Wait(); exitCode(err) != 6 {
		t.Errorf("it ended with %v, want exit code 6", err)
	}
}

// stall leaves a consumer that never reads on, with more for it than lies between.
func stall(t *testing.T, url string) {
	t.Helper()
	stderr := proctest.NewPipe(t)
	cmd := runs(t, nil, stderr, "subscribe", "--url", url, "BTC_USDT")
	stderr.Line("joined")
	if err := cmd.Process.Signal(proctest.Freeze); err != nil {
		t.Fatal(err)
	}
	if err := proctest.Frozen(cmd.Process); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ingestor, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.CloseNow()
	filler := json.RawMessage(`{"filler":"` + strings.Repeat("x", 500) + `"}`)
	for range 20_000 {
		if err := ingestor.Publish(ctx, client.PriceUpdate{Instrument: "BTC_USDT", Price: "1", TS: 1, Data: filler}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ingestor.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}
