//go:build linux

// Command browser shows what a web page reads whose script was busy for a minute. A browser
// answers pings by itself, so that only marks that are messages bound what waits for the page:
//
//	go run ./scripts/browser
//
// It runs a backbone server, a producer, and a page in a headless Chromium that is installed. It
// fails if the page had more old prices to read than docs/guarantees.md says, got fresh prices too
// late, or lost its connection.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed page.html
var page []byte

// options are the flags.
type options struct {
	browser, program string
	rooms, rate      int
	awake, busy      time.Duration
}

// result is what the page tells.
type result struct {
	Error               string
	OldBytes, OldPrices int
	Conflated, Before   int
	FreshAfter          int // milliseconds from waking until it had a price younger than 2 s of each room; -1: never
	Oldest, OldestLater int // milliseconds, since waking and from 2 s after it
}

func main() {
	var o options
	flag.StringVar(&o.browser, "browser", "chromium", "program of the browser")
	flag.StringVar(&o.program, "program", "", "backbone program; built from ./cmd/backbone if empty")
	flag.IntVar(&o.rooms, "rooms", 20, "rooms that the page joins")
	flag.IntVar(&o.rate, "rate", 5000, "events a second in all rooms")
	flag.DurationVar(&o.awake, "awake", 5*time.Second, "time before the page is busy")
	flag.DurationVar(&o.busy, "busy", time.Minute, "time that the page is busy")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is temporary
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.program == "" {
		o.program = filepath.Join(dir, "backbone")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.program, "./cmd/backbone").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	results, site, err := serve(ctx)
	if err != nil {
		return err
	}
	server, err := o.server(ctx, site)
	if err != nil {
		return err
	}
	var rooms []string
	for i := range o.rooms {
		rooms = append(rooms, fmt.Sprintf("ROOM%d", i))
	}
	published, err := o.publish(ctx, server, rooms)
	if err != nil {
		return err
	}
	ask := url.Values{
		"server": {"ws://" + server + "/ws"}, "rooms": {strings.Join(rooms, ",")},
		"awake": {ms(o.awake)}, "busy": {ms(o.busy)}, "after": {ms(5 * time.Second)},
	}
	chromium := exec.CommandContext(ctx, o.browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
		"--user-data-dir="+filepath.Join(dir, "profile"), "http://"+site+"/?"+ask.Encode())
	if err := start(chromium); err != nil {
		return err
	}
	defer chromium.Wait() //nolint:errcheck // it is killed
	defer cancel()
	select {
	case r := <-results:
		return o.judge(r)
	case err := <-published:
		return fmt.Errorf("backbone publish: %w", err)
	case <-time.After(o.awake + o.busy + time.Minute):
		return errors.New("the page tells nothing")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge prints what the page read, and says whether that is what is promised.
func (o *options) judge(r result) error {
	if r.Error != "" {
		return errors.New("the page: " + r.Error)
	}
	fmt.Printf("before: %d prices. After %v of work: %d old prices to read, %d bytes; fresh in all rooms after %d ms; oldest %d ms, from 2 s on %d ms; %d left out\n",
		r.Before, o.busy, r.OldPrices, r.OldBytes, r.FreshAfter, r.Oldest, r.OldestLater, r.Conflated)
	const window, price = 64 << 10, 120
	switch most := window + int(o.busy/time.Second)*o.rooms*price; {
	case r.Before == 0:
		return errors.New("the page got nothing before it was busy")
	case r.OldBytes > most:
		return fmt.Errorf("%d bytes of old prices, at most %d were expected", r.OldBytes, most)
	case r.FreshAfter < 0 || r.FreshAfter > 1000:
		return errors.New("fresh prices came too late")
	case r.OldestLater > 2000:
		return errors.New("old prices went on to come")
	}
	return nil
}

// serve serves the page, and receives its result.
func serve(ctx context.Context) (<-chan result, string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	results := make(chan result, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // or else the page tells nothing
	})
	mux.HandleFunc("POST /result", func(_ http.ResponseWriter, req *http.Request) {
		var r result
		if err := json.NewDecoder(io.LimitReader(req.Body, 1<<20)).Decode(&r); err != nil {
			r.Error = err.Error()
		}
		select {
		case results <- r:
		default: // the first one counts
		}
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return results, listener.Addr().String(), nil
}

// server runs a backbone server and returns its address.
func (o *options) server(ctx context.Context, site string) (string, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, o.program, "serve", "--listen="+address, "--admin-listen=", "--allowed-origins=http://"+site, "--log-level=warn")
	cmd.Stderr = os.Stderr
	if err := start(cmd); err != nil {
		return "", err
	}
	for range 100 {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return address, conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "", errors.New("the server does not listen")
}

// publish publishes prices to all rooms, until ctx ends. The channel tells of an earlier end.
func (o *options) publish(ctx context.Context, server string, rooms []string) (<-chan error, error) {
	cmd := exec.CommandContext(ctx, o.program, "publish", "--url=ws://"+server)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := start(cmd); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		begin := time.Now()
		for n := 0; ; n++ {
			if due := begin.Add(time.Duration(n) * time.Second / time.Duration(o.rate)); time.Until(due) > 0 {
				time.Sleep(time.Until(due))
			}
			_, err := fmt.Fprintf(in, `{"type":"price_update","instrument":%q,"price":%d.5,"ts":%d}`+"\n", rooms[n%len(rooms)], 60000+n%1000, time.Now().UnixMilli())
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended, nil
}

// start starts a program that ends with this one.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd.Start()
}

// freeAddress is one on loopback that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func ms(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
