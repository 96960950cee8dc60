// Package simulate is the command that publishes a simulated market to a server.
package simulate

import (
	"context"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/market"
	"backbone/protocol"
)

const (
	maxRate       = 1000000
	maxVolatility = 100
)

// Cmd is the command and its flags.
type Cmd struct {
	Instruments int     `default:"12" help:"How many instruments, at most 10000."`
	Rate        float64 `default:"150" help:"Prices a second of the whole market, on average."`
	Seed        uint64  `default:"1" help:"Runs with the same seed and the same market have the same prices in the same order."`
	Prefix      string  `default:"SIM_" empty:"flag" help:"Stands in front of each name, so that no simulated price is taken for a real one."`

	Volatility  float64 `group:"Market" default:"1" help:"How far prices move, in times of what is ordinary. From 0, at which they stand still, to 100."`
	Bursts      float64 `group:"Market" default:"0.03" help:"Share of the time in which an instrument trades 8 times as often and in larger steps, from 0 to 1."`
	Correlation float64 `group:"Market" default:"0.3" help:"How much of their way prices go together: from 0, each for itself, to 1."`

	Count  int           `placeholder:"N" help:"Stop after N prices. 0 is no limit."`
	For    time.Duration `placeholder:"DURATION" help:"Stop after this time. 0 is no limit."`
	Retire bool          `help:"Retire the instruments at the end: they have no price any more, on all instances."`
	Print  bool          `help:"Print the prices as JSON lines instead of publishing them, as fast as they are read. Needs no server."`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone simulate
backbone simulate --instruments 200 --rate 5000 --seed 7
backbone simulate --bursts 0.2 --correlation 0.8 --for 1m --retire
backbone simulate --print --count 1000 > market.jsonl`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if err := cli.CheckRate("rate", c.Rate, maxRate); err != nil {
		return err
	}
	within := func(v, most float64) bool { return v >= 0 && v <= most } // and no NaN
	switch {
	case c.Instruments < 1 || c.Instruments > market.MaxInstruments:
		return config.Errorf("instruments", "must be from 1 to %d, not %d", market.MaxInstruments, c.Instruments)
	case !within(c.Volatility, maxVolatility):
		return config.Errorf("volatility", "must be from 0 to %d, not %v", maxVolatility, c.Volatility)
	case !within(c.Bursts, 1):
		return config.Errorf("bursts", "must be from 0 to 1, not %v", c.Bursts)
	case !within(c.Correlation, 1):
		return config.Errorf("correlation", "must be from 0 to 1, not %v", c.Correlation)
	case c.Count < 0:
		return config.Errorf("count", "must be at least 0, which is no limit, not %d", c.Count)
	case c.For < 0:
		return config.Errorf("for", "must be at least 0, which is no limit, not %v", c.For)
	case c.Print && c.Retire:
		return config.Errorf("print", "and --retire exclude each other: leave one out")
	}
	for _, name := range market.Names(c.Instruments) {
		if fault := protocol.RoomFault(c.Prefix + name); fault != "" {
			return config.Errorf("prefix", "gives %q a name that %s", c.Prefix+name, fault)
		}
	}
	return c.Connection.Validate()
}

// Run publishes until ctx ends or there was as much as the flags ask for.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	if c.Print {
		return c.print(ctx, s)
	}
	opt, err := c.Options()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	opt.OnStateChange = func(st client.State) {
		if st.Ended { // at a low rate the next price could be long in coming
			stop()
		}
	}
	told := &tally{Streams: s, rejected: map[protocol.Code]uint64{}}
	ingestor, err := client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: opt, OnEvent: told.hear})
	if err != nil {
		return cli.UnlessOver(ctx, c.Failure(err))
	}
	return c.trade(ctx, s, ingestor, told)
}

// market is that of the flags.
func (c *Cmd) market() *market.Market {
	return market.With(market.Options{
		Seed: c.Seed, Rate: c.Rate, Instruments: c.Instruments, Volatility: c.Volatility, Bursts: c.Bursts, Correlation: c.Correlation,
	})
}

// update is a tick of the market as an event at a time.
func (c *Cmd) update(t market.Tick, at time.Time) client.PriceUpdate {
	return client.PriceUpdate{Instrument: c.Prefix + t.Instrument, Price: client.Price(t.Price), TS: at.UnixMilli()}
}

// print prints the market, also on a terminal as lines that publish takes. Times are those of the
// market, which begins now.
func (c *Cmd) print(ctx context.Context, s cli.Streams) error {
	prices, began := c.market(), time.Now()
	at, p := began, cli.NewPrinter(cli.Streams{Out: cli.WriterFunc(s.Print), Err: s.Err}, nil)
	for n := 0; ctx.Err() == nil && (c.Count == 0 || n < c.Count); n++ {
		t := prices.Next()
		if at = at.Add(t.After); c.For > 0 && at.Sub(began) > c.For {
			break
		}
		if err := p.Print(c.update(t, at), at); err != nil {
			return err
		}
	}
	return p.Flush()
}
