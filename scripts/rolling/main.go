//go:build linux

// Command rolling restarts three instances, one after the other, behind real HAProxy and nginx, while SDK
// consumers and an SDK producer use them through the proxy:
//
//	go run ./scripts/rolling --install
//
// It prints for each round what the consumers missed, and fails if one of them does not end on the newest
// price of each room. With --install it installs proxies that are missing with apt-get, which needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const instances = 3

// options are the flags.
type options struct {
	only      string
	install   bool
	program   string
	port      int
	rounds    int
	consumers int
	rooms     int
	rate      int
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "haproxy,nginx", "proxies to run, separated by commas")
	flag.BoolVar(&o.install, "install", false, "install proxies that are missing with apt-get")
	flag.StringVar(&o.program, "program", "", "backbone program; empty: it is built")
	flag.IntVar(&o.port, "port", 19300, "first of the eight ports that it uses")
	flag.IntVar(&o.rounds, "rounds", 10, "rolling restarts behind each proxy")
	flag.IntVar(&o.consumers, "consumers", 10, "consumers; every second one asks for stamps")
	flag.IntVar(&o.rooms, "rooms", 20, "rooms, all joined by each consumer")
	flag.IntVar(&o.rate, "rate", 500, "prices a second, in all rooms")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rolling:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "rolling-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // workers of another user look into it
		return err
	}
	if o.program == "" {
		o.program = filepath.Join(dir, "backbone")
		if err := command(ctx, "go", "build", "-o", o.program, "./cmd/backbone"); err != nil {
			return err
		}
	}
	names := strings.Split(o.only, ",")
	for _, name := range names {
		if _, known := proxies[name]; !known {
			return fmt.Errorf("--only: %q is not haproxy or nginx", name)
		}
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if !o.install {
			return fmt.Errorf("%s is missing: give --install", name)
		}
		if err := command(ctx, "apt-get", "install", "-y", "--no-install-recommends", name); err != nil {
			return err
		}
	}
	var failed []error
	for _, name := range slices.Compact(names) {
		failed = append(failed, o.behind(ctx, dir, name))
	}
	return errors.Join(failed...)
}

// behind runs all rounds behind one proxy.
func (o *options) behind(ctx context.Context, dir, name string) error {
	f := &fleet{dir: dir, program: o.program, port: o.port}
	defer f.end()
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	w := newWorkload(o, "ws://"+f.front())
	defer w.end()
	if err := w.begin(ctx); err != nil {
		return err
	}
	fmt.Printf("behind %s: %d consumers in %d rooms, %d prices a second in all, three instances restarted in turn\n\n", version(ctx, name), o.consumers, o.rooms, o.rate)
	fmt.Println("| round | on the newest price | ticks to be heard | missed | told as missed or left out | twice | moves | connections lost |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	bad := 0
	for round := 1; round <= o.rounds; round++ {
		for i := range instances {
			if err := f.restart(ctx, i); err != nil {
				return err
			}
		}
		newest, sum := w.settle(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if newest < o.consumers {
			bad++
		}
		fmt.Printf("| %d | %d of %d | %d | %d | %d | %d | %d | %d |\n", round, newest, o.consumers,
			sum.due, sum.due-sum.live, sum.told, sum.twice, sum.moves, sum.lost)
	}
	fmt.Printf("\nthe producer moved %d times and lost its connection %d times\n\n", w.produced.moves.Load(), w.produced.lost.Load())
	if bad > 0 {
		return fmt.Errorf("behind %s: in %d of %d rounds a consumer did not end on the newest price", name, bad, o.rounds)
	}
	return nil
}

func version(ctx context.Context, name string) string {
	flag := map[string]string{"haproxy": "-v", "nginx": "-v"}[name]
	out, _ := exec.CommandContext(ctx, name, flag).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(line, "nginx version: ")
}

func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
