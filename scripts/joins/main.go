// Joins measures what a crowd of long joins costs others: prices of a consumer that joins nothing
// meanwhile, on a server of its own. The crowd is a process behind them, so that what is measured is
// the server and not who gets a core. That takes a priority for this program, and so root and Linux:
//
//	chrt -r 1 go run ./scripts/joins                          # this build
//	chrt -r 1 go run ./scripts/joins bin/before bin/backbone  # builds in turns
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	joiners, rooms, rounds int
	crowd                  string // address of the server; only in the process of the crowd
}

func main() {
	var s settings
	flag.IntVar(&s.joiners, "joiners", 64, "consumers that join at the same moment")
	flag.IntVar(&s.rooms, "rooms", 10_000, "rooms of each, all with a last price")
	flag.IntVar(&s.rounds, "rounds", 3, "measurements of each binary")
	flag.StringVar(&s.crowd, "crowd", "", "be the crowd at this address; for itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "joins:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, binaries []string) error {
	if s.crowd != "" {
		return crowd(s, os.Stdin, os.Stdout)
	}
	if len(binaries) == 0 {
		dir, err := os.MkdirTemp("", "joins")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary := filepath.Join(dir, "backbone")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/backbone").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, out)
		}
		binaries = []string{binary}
	}
	fmt.Println("| binary | moment | prices | p50 | p90 | p99 | longest |\n|---|---|---|---|---|---|---|")
	for range s.rounds {
		for _, binary := range binaries {
			if err := measure(ctx, s, binary); err != nil {
				return err
			}
		}
	}
	return nil
}

// server is a running server.
type server struct {
	process *exec.Cmd
	address string
}

// serve starts a server of a binary.
func serve(ctx context.Context, binary string) (*server, error) {
	s := &server{process: exec.CommandContext(ctx, binary, "serve",
		"--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json", "--last-price-ttl=10m")}
	log, err := s.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Listen string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Listen != "" {
			s.address = line.Listen
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return s, nil
		}
	}
	s.stop()
	return nil, errors.New(binary + " did not start")
}

func (s *server) stop() { _, _ = s.process.Process.Kill(), s.process.Wait() }

// joining is the process of the crowd. It says when all are connected, have joined, and have read.
type joining struct {
	process *exec.Cmd
	said    *bufio.Scanner
	begin   io.WriteCloser
}

func gather(ctx context.Context, s settings, address string) (*joining, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &joining{process: exec.CommandContext(ctx, "chrt", "-o", "0", self, "-crowd", address,
		"-joiners", strconv.Itoa(s.joiners), "-rooms", strconv.Itoa(s.rooms))}
	c.process.Stderr = os.Stderr
	out, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.begin, err = c.process.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.process.Start(); err != nil {
		return nil, err
	}
	c.said = bufio.NewScanner(out)
	if err := c.hear("connected"); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// hear waits until the crowd says a word.
func (c *joining) hear(word string) error {
	if !c.said.Scan() || c.said.Text() != word {
		return fmt.Errorf("the crowd says %q, not %q: %w", c.said.Text(), word, c.said.Err())
	}
	return nil
}

func (c *joining) stop() { _, _ = c.process.Process.Kill(), c.process.Wait() }

// measure prints what one server shows before, while and after the crowd joins.
func measure(ctx context.Context, s settings, binary string) error {
	server, err := serve(ctx, binary)
	if err != nil {
		return err
	}
	defer server.stop()
	p, err := newProbe(ctx, s.rooms, "ws://"+server.address)
	if err != nil {
		return err
	}
	defer p.stop()
	c, err := gather(ctx, s, server.address)
	if err != nil {
		return err
	}
	defer c.stop()
	row := func(moment string, until func() error) error {
		begin := time.Now()
		p.collect()
		if err := until(); err != nil {
			return err
		}
		took := time.Since(begin).Round(time.Millisecond)
		fmt.Printf("| %s | %s, %v | %s |\n", filepath.Base(binary), moment, took, strings.Join(p.figures(), " | "))
		return nil
	}
	calm := func() error {
		select {
		case <-time.After(3 * time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := row("nobody joins", calm); err != nil {
		return err
	}
	if err := row("until all have joined", func() error {
		_, err := io.WriteString(c.begin, "\n")
		return errors.Join(err, c.hear("joined"))
	}); err != nil {
		return err
	}
	return row("until all have read", func() error { return c.hear("read") })
}
