// Package demo is the command that shows a simulated market on a server of its own.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/market"
	"backbone/internal/screen"
	"backbone/internal/server"
	"backbone/internal/telemetry"
)

const maxRate = 100000

// Cmd is the command and its flags.
type Cmd struct {
	Rate     float64       `default:"150" help:"Prices a second of the whole market, on average."`
	For      time.Duration `placeholder:"DURATION" help:"Stop after this time. 0 is no limit."`
	Seed     uint64        `default:"1" help:"Runs with the same seed have the same prices."`
	RedisURL string        `name:"redis-url" placeholder:"URL" help:"Run two instances joined by this Redis: prices go to one and are watched on the other."`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := cli.CheckRate("rate", c.Rate, maxRate); err != nil {
		return err
	}
	switch {
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	case c.RedisURL != "":
		return config.CheckRedisURL(c.RedisURL)
	}
	return nil
}

// Run shows the market until ctx, the time of --for or the user ends it.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	log := slog.New(slog.DiscardHandler) // log lines would appear in the live view
	if !s.Screen() {
		var err error
		if log, err = telemetry.NewLogger(s.Err, telemetry.LogOptions{Level: "warn", Terminal: telemetry.IsTerminal(s.Err), NoColor: cli.NoColor()}); err != nil {
			return err
		}
	}
	// The servers outlive their clients, so that none of them sees a lost connection.
	serving, stopServers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServers()
	servers, serving := errgroup.WithContext(serving)
	err := c.run(ctx, serving, servers, s, log)
	stopServers()
	if ended := servers.Wait(); err == nil {
		err = ended
	}
	return err
}

// run starts the servers in the group, and then the market until it has been watched.
func (c *Cmd) run(ctx, serving context.Context, servers *errgroup.Group, s cli.Streams, log *slog.Logger) error {
	cfg := config.Default()
	cfg.Listen, cfg.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.DrainTimeout = time.Second
	cfg.RedisURL = c.RedisURL
	cfg.RedisPrefix = fmt.Sprintf("backbone-demo-%08x:", rand.Uint32()) // apart from real prices, and from other demos
	start := func() (*server.Running, error) {
		r, err := server.Start(serving, cfg, server.Options{Logger: log, Version: cli.BuildInfo().Version})
		if err == nil {
			servers.Go(r.Err)
		}
		return r, err
	}
	published, err := start()
	if err != nil {
		return err
	}
	watched := published
	if c.RedisURL != "" {
		if watched, err = start(); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(serving, stop)() // a server that fails ends the demo
	if c.For > 0 {
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	footer := describe(published, watched)
	for _, line := range footer {
		s.Say("%s", line)
	}

	ingestor, err := client.DialIngestor(ctx, published.URL(), nil)
	if err != nil {
		return unlessOver(ctx, err)
	}
	defer ingestor.CloseNow() // invented prices may get lost
	conn, err := client.Dial(ctx, watched.URL(), &client.ConnOptions{Buffer: cli.EventBuffer})
	if err != nil {
		return unlessOver(ctx, err)
	}
	defer conn.Close()
	if err := conn.Join(ctx, market.Instruments()...); err != nil {
		return unlessOver(ctx, err)
	}
	var trading sync.WaitGroup
	defer trading.Wait()
	trading.Go(func() { c.trade(ctx, ingestor) })
	defer stop()
	if s.Screen() {
		s.Settle() // no line appears within the screen
		return screen.Run(ctx, s, screen.Options{
			Title: "backbone demo", Rooms: market.Instruments(), Footer: footer, Events: conn.Events(), TSUnit: time.Microsecond,
			Notice: func(ctx context.Context) string { return bridgeNotice(ctx, watched.URL()) },
		})
	}
	return unlessOver(ctx, c.printLines(ctx, s, conn))
}

// unlessOver returns err, or nil if the demo has ended, because err then only follows from
// that.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.As(err, new(*cli.ExitError)) {
		return nil
	}
	return err
}

// describe says where the servers are and what to do with them.
func describe(published, watched *server.Running) []string {
	try := "try     " + invocation(os.Args[0]) + " subscribe --url " + watched.URL() + " " + market.Instruments()[0]
	if published == watched {
		return []string{"server  " + published.URL() + "  " + metrics(published), try}
	}
	return []string{
		"publish to instance 1   " + published.URL() + "  " + metrics(published),
		"watch on   instance 2   " + watched.URL() + "  " + metrics(watched),
		"every price seen here has come through Redis",
		try,
	}
}

func metrics(r *server.Running) string { return fmt.Sprintf("http://%s/metrics", r.AdminAddr()) }

// invocation is how the program that was started as arg0 can be started again. The file that
// "go run" builds is deleted when the program ends.
func invocation(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/backbone"
	}
	return arg0
}

// trade publishes the market until ctx ends. Times are in microseconds: exact in any
// client's numbers, and fine enough to measure how long an event takes.
func (c *Cmd) trade(ctx context.Context, ingestor *client.Ingestor) {
	prices := market.New(c.Seed, c.Rate)
	pace := cli.NewPacer()
	for {
		t := prices.Next()
		if pace.Wait(ctx, t.After) != nil {
			return
		}
		if ingestor.Publish(ctx, client.PriceUpdate{Instrument: t.Instrument, Price: t.Price, TS: time.Now().UnixMicro()}) != nil {
			return // ctx or the server has ended, which the watching side sees
		}
	}
}

// printLines prints the events as lines until ctx ends.
func (c *Cmd) printLines(ctx context.Context, s cli.Streams, conn *client.Conn) error {
	p := cli.NewPrinter(s, market.Instruments())
	printed := 0
	for {
		select {
		case e, ok := <-conn.Events():
			if !ok {
				return conn.Err()
			}
			if cli.IsData(e) {
				printed++
			}
			if err := p.Print(e, time.Now()); err != nil {
				return err
			}
			if len(conn.Events()) == 0 {
				if err := p.Flush(); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			if printed == 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return cli.Failf(cli.ExitNoData, "nothing came within %v", c.For)
			}
			return p.Flush()
		}
	}
}
