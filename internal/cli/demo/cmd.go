// Package demo is the command that shows a market on a server of its own: a simulated one, or that of
// an exchange.
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
	"time"

	"golang.org/x/sync/errgroup"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/feed/exchanges"
	"backbone/internal/screen"
	"backbone/internal/server"
	"backbone/internal/telemetry"
)

const maxRate = 100000

// Cmd is the command and its flags.
type Cmd struct {
	Rate        float64       `default:"150" help:"Prices a second of the whole market, on average."`
	For         time.Duration `placeholder:"DURATION" help:"Stop after this time. 0 is no limit."`
	Seed        uint64        `default:"1" help:"Runs with the same seed have the same prices."`
	Feed        string        `placeholder:"EXCHANGE" help:"Show the prices of an exchange instead, of the symbols that are named. \"backbone feed --list\" has the exchanges."`
	Symbols     []string      `arg:"" optional:"" name:"symbol" help:"Symbols as the exchange of --feed spells them."`
	ExchangeURL string        `name:"exchange-url" placeholder:"URL" help:"With --feed, another address of the exchange, as wss://host."`
	RedisURL    string        `name:"redis-url" placeholder:"URL" help:"Run two instances joined by this Redis: prices go to one and are watched on the other."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone demo
backbone demo --rate 2000
backbone demo --feed binance BTCUSDT ETHUSDT
backbone demo --redis-url redis://127.0.0.1:6379`
}

// Values are the exchanges, for the completion of shells.
func (*Cmd) Values(name string) []string {
	if name != "feed" {
		return nil
	}
	return exchanges.Names()
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := cli.CheckRate("rate", c.Rate, maxRate); err != nil {
		return err
	}
	if _, err := c.market(); err != nil {
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
	cfg.DrainWindow, cfg.DrainTimeout = 0, time.Second
	cfg.RedisURL = c.RedisURL
	if c.RedisURL != "" {
		cfg.RedisPrefix = fmt.Sprintf("backbone-demo-%08x:", rand.Uint32()) // apart from real prices, and from other demos
	}
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
	source, err := c.market()
	if err != nil {
		return err
	}
	footer := describe(published, watched, source.rooms[0])
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
	if err := conn.Join(ctx, source.rooms...); err != nil {
		return unlessOver(ctx, err)
	}
	failed := make(chan error, 1)
	go func() {
		defer stop() // without prices there is nothing to show
		failed <- source.trade(ctx, ingestor, log)
	}()
	if s.Screen() {
		s.Settle() // no line appears within the screen
		err = screen.Run(ctx, s, screen.Options{
			Title: source.title, Rooms: source.rooms, Footer: footer, Events: conn.Events(), TSUnit: source.unit,
			Notice: func(ctx context.Context) string { return bridgeNotice(ctx, watched.URL()) },
		})
	} else {
		err = unlessOver(ctx, c.printLines(ctx, s, conn, source.rooms))
	}
	stop()
	if why := <-failed; why != nil {
		return why
	}
	return err
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
func describe(published, watched *server.Running, room string) []string {
	try := "try     " + invocation(os.Args[0]) + " subscribe --url " + watched.URL() + " " + room
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

// printLines prints the events as lines until ctx ends.
func (c *Cmd) printLines(ctx context.Context, s cli.Streams, conn *client.Conn, rooms []string) error {
	p := cli.NewPrinter(s, rooms)
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
