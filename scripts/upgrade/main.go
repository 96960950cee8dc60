// Command upgrade replaces the instances of a fleet one by one under load, from an older build to
// this one and one of them back, and counts what a consumer of each instance missed:
//
//	go run ./scripts/upgrade --old ae97993
//
// It needs git, redis-server and ports from --port on. It prints a table, and exits with 1 if a
// consumer was left with an old price, or saw one go back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

const instances = 3

// steps are the instances to replace, in turn, and whether by this build.
var steps = []struct {
	instance int
	newer    bool
	name     string
}{
	{-1, false, "all old"},
	{0, true, "1 becomes new"}, {1, true, "2 becomes new"}, {2, true, "3 becomes new"},
	{2, false, "3 goes back"}, {2, true, "3 becomes new again"},
}

func main() {
	old := flag.String("old", "ae97993", "commit of the older build")
	oldBinary := flag.String("old-binary", "", "the older build, if there is one already")
	rooms := flag.Int("rooms", 20, "rooms of the producer of each instance")
	rate := flag.Int("rate", 1000, "events a second of each producer")
	phase := flag.Duration("phase", 8*time.Second, "how long to publish after each step")
	port := flag.Int("port", 18380, "first port")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *old, *oldBinary, *rooms, *rate, *phase, *port); err != nil {
		fmt.Fprintln(os.Stderr, "upgrade:", err)
		os.Exit(1) //nolint:gocritic // all that is deferred here is the end of a signal
	}
}

func run(ctx context.Context, old, oldBinary string, rooms, rate int, phase time.Duration, port int) error {
	dir, err := os.MkdirTemp("", "upgrade")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if oldBinary == "" {
		if oldBinary, err = build(ctx, dir, old); err != nil {
			return err
		}
	}
	newBinary := filepath.Join(dir, "new")
	if err := command(ctx, ".", "go", "build", "-o", newBinary, "./cmd/backbone"); err != nil {
		return err
	}
	f := newFleet(dir, oldBinary, newBinary, port)
	defer f.end()
	if err := f.begin(ctx); err != nil {
		return err
	}
	w, err := newWorkload(ctx, f.urls(), rooms, rate)
	if err != nil {
		return err
	}
	defer w.end()
	fmt.Println("step | forms | consumer | live prices | missed | told | while away | went back | old price at the end")
	fmt.Println("---|---|---|---|---|---|---|---|---")
	bad := false
	for _, s := range steps {
		if s.instance >= 0 {
			w.pause(s.instance)
			if err := f.replace(ctx, s.instance, s.newer); err != nil {
				return err
			}
			w.resume(ctx, s.instance)
		}
		select {
		case <-time.After(phase):
		case <-ctx.Done():
			return ctx.Err()
		}
		forms := f.forms(ctx)
		for i, c := range w.settle(ctx) {
			fmt.Printf("%s | %s | %d | %d | %d | %d | %d | %d | %d\n", s.name, strings.Join(forms, " "), i+1, c.live, c.missed, c.told, c.away, c.back, c.behind)
			bad = bad || c.back > 0 || c.behind > 0
		}
	}
	if bad {
		return errors.New("a price went back, or stayed old")
	}
	return nil
}
