//go:build linux

// Command proxies runs the reverse proxies of docs/proxies.md, each with the page's own
// configuration on a free port of loopback, before a backbone server, and prints the page's
// tables:
//
//	go run ./scripts/proxies --install
//
// What it starts ends with it, and its files are in a temporary directory that it removes.
// With --install it installs the proxies that are missing with apt-get, which needs root.
// Nothing else should run meanwhile.
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
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	page    string
	install bool
	program string
	only    string
	maxAges string
	rates   string
	idle    time.Duration
	load    load
}

func main() {
	var o options
	flag.StringVar(&o.page, "page", "docs/proxies.md", "page with the configurations")
	flag.BoolVar(&o.install, "install", false, "install what is missing with apt-get, without starting its services now")
	flag.StringVar(&o.program, "program", "", "backbone program to measure; empty: it is built")
	flag.StringVar(&o.only, "only", "", "proxies to run, separated by commas; empty: all, and none (direct)")
	flag.StringVar(&o.maxAges, "max-age", "500ms,0", "values of serve --max-age to compare, separated by commas; empty: ages are not measured")
	flag.StringVar(&o.rates, "rates", "100KB,20KB", "values of bench --read-rate, separated by commas")
	flag.DurationVar(&o.idle, "idle", 70*time.Second, "how long to watch idle connections; 0: neither they nor reloads are tried")
	flag.IntVar(&o.load.readers, "readers", 10, "slow readers")
	flag.IntVar(&o.load.rate, "rate", 5000, "events a second")
	flag.IntVar(&o.load.rooms, "rooms", 20, "rooms, all joined by each reader")
	flag.DurationVar(&o.load.warmup, "warmup", 5*time.Second, "how long to publish before measuring")
	flag.DurationVar(&o.load.run, "for", 15*time.Second, "how long to measure")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "proxies: there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "proxies:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	blocks, err := blocksOf(o.page)
	if err != nil {
		return err
	}
	var chosen []*proxy
	for i := range proxies {
		if o.only == "" || slices.Contains(strings.Split(o.only, ","), proxies[i].name) {
			chosen = append(chosen, &proxies[i])
		}
	}
	if err := o.installed(ctx, chosen); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "proxies-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // it is temporary
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // workers of another user look into it
		return err
	}
	t := &trial{options: o, ctx: ctx, dir: dir, blocks: blocks, chosen: chosen, backbone: o.program}
	if t.backbone == "" {
		say("building the program")
		t.backbone = filepath.Join(dir, "backbone")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", t.backbone, "./cmd/backbone").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	if o.idle > 0 {
		if err := t.behaviour(); err != nil {
			return err
		}
	}
	if o.maxAges == "" {
		return nil
	}
	return t.ages()
}

// say tells what is done now, apart from the tables.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// trial is one run of the program.
type trial struct {
	*options
	ctx      context.Context
	dir      string
	blocks   map[string]string
	chosen   []*proxy
	backbone string
}

// with runs a server with these flags and the chosen proxies before it while do runs.
func (t *trial) with(flags []string, do func(server string, all []*standing) error) error {
	running := &processes{ctx: t.ctx}
	defer running.end()
	server, err := running.serve(t.backbone, flags...)
	if err != nil {
		return err
	}
	var all []*standing
	for _, p := range t.chosen {
		block, ok := t.blocks[p.name]
		if !ok {
			return fmt.Errorf("%s: has no block for %s", t.page, p.name)
		}
		s, err := p.start(running, t.dir, block, server)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	return do(server, all)
}

// printed is a proxy's title with the version that it says it has.
func (p *proxy) printed() string {
	out, err := exec.Command(p.version[0], p.version[1:]...).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return p.title + " " + regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out))
}

// errInterrupted is how a run ends that is told to end.
var errInterrupted = errors.New("interrupted")
