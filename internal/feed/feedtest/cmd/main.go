// Command cmd runs the fake of an exchange, for trying by hand:
//
//	go run ./internal/feed/feedtest/cmd binance
//
// It says where it listens, and trades the symbols that it knows until it is interrupted.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/feedtest"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to listen")
	rate := flag.Float64("rate", 5, "prices a second of each symbol")
	kind := flag.String("kind", string(feed.Trades), "trades or tickers")
	cut := flag.Duration("cut", 0, "close all connections so often; 0: never")
	flag.Parse()
	if err := run(flag.Arg(0), *listen, *rate, feed.Kind(*kind), *cut); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name, listen string, rate float64, kind feed.Kind, cut time.Duration) error {
	e, ok := exchanges.Find(name)
	if !ok {
		return fmt.Errorf("name an exchange: %s", strings.Join(exchanges.Names(), ", "))
	}
	if rate <= 0 || rate > 1e6 {
		return fmt.Errorf("--rate must be above 0 and at most 1000000, not %v", rate)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dialect := e.Dialect(kind)
	fake := feedtest.New(ctx, dialect, e.Limits)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: fake, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	go trade(ctx, fake, dialect, rate, cut)
	good, _ := dialect.Symbols()
	fmt.Printf("backbone feed %s %s --kind %s --exchange-url ws://%s --print\n", name, strings.Join(good[:], " "), kind, l.Addr())
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	fake.Wait()
	return nil
}

// trade lets each symbol go up and down.
func trade(ctx context.Context, fake *feedtest.Fake, dialect feed.Dialect, rate float64, cut time.Duration) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var closing <-chan time.Time
	if cut > 0 {
		t := time.NewTicker(cut)
		defer t.Stop()
		closing = t.C
	}
	good, _ := dialect.Symbols()
	prices := [len(good)]float64{60_000, 3_000, 0.5}
	for n := 1; ; {
		select {
		case <-tick.C:
			for i, symbol := range good {
				prices[i] *= 1 + (rand.Float64()-0.5)/1000
				text := strconv.FormatFloat(prices[i], 'f', 4, 64)
				fake.Publish(symbol, dialect.Price(symbol, text, n, time.Now().UnixMilli()))
			}
			n++
		case <-closing:
			fake.Close(0)
		case <-ctx.Done():
			return
		}
	}
}
