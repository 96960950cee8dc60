package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
)

const (
	maxBenchConsumers = 1_000_000
	maxBenchRooms     = 100_000
	maxBenchBurst     = 100_000
	maxSlowRate       = 1e6
	minReceiveBuffer  = 1 << 10
	maxReceiveBuffer  = 1 << 30
)

type benchCmd struct {
	Consumers     int     `group:"Load" default:"100" help:"Consumers."`
	Rooms         int     `group:"Load" default:"1" help:"Rooms. Each event goes to one of them, chosen at random."`
	Joins         int     `group:"Load" default:"1" help:"Rooms that each consumer joins."`
	Rate          float64 `group:"Load" default:"1000" help:"Events a second, over all rooms. 0 is as fast as the server takes them."`
	Burst         int     `group:"Load" default:"1" help:"Events that are due at the same moment. The rate stays."`
	Batch         bool    `group:"Load" help:"Send a burst as one message."`
	Slow          share   `group:"Load" default:"0%" placeholder:"SHARE" help:"Share of the consumers that read slowly, like 10%."`
	SlowRate      float64 `group:"Load" default:"100" help:"Events a second that a slow consumer reads."`
	Stalled       share   `group:"Load" default:"0%" placeholder:"SHARE" help:"Share of the consumers that join and then never read."`
	ReceiveBuffer int     `group:"Load" default:"65536" help:"Receive buffer of a consumer's socket in bytes. -1 leaves it to the system, which makes it larger when much comes."`
	Storm         int     `group:"Load" default:"0" placeholder:"N" help:"Further consumers that all connect and join at once, halfway through."`
	Seed          uint64  `group:"Load" default:"1" help:"The same seed chooses the same rooms and the same slow consumers."`

	For    time.Duration `group:"Run" default:"10s" help:"How long to measure."`
	Warmup time.Duration `group:"Run" default:"1s" help:"How long to publish before that."`
	Drain  time.Duration `group:"Run" default:"10s" help:"How long to wait in the end for what is on its way. What has not come by then is lost."`

	JSON bool   `group:"Output" name:"json" help:"Print one JSON object instead of a table."`
	CSV  string `group:"Output" name:"csv" placeholder:"FILE" help:"Write the course of the run, a line per interval."`
	HDR  string `group:"Output" name:"hdr" placeholder:"FILE" help:"Write the latencies as a percentile distribution in milliseconds, as HdrHistogram's plotter reads it."`
	HTML string `group:"Output" name:"html" placeholder:"FILE" help:"Write a report with plots, in one file."`

	URL         string   `group:"Connection" name:"url" placeholder:"URL" help:"Server, as ws://host:port, or wss://host:port for TLS. Without it, the run starts a server of its own."`
	ConsumeURLs []string `group:"Connection" name:"consume-url" placeholder:"URL" help:"Another instance, to consume from. Given several times, the consumers are shared out."`

	cli.Reach       `embed:""`
	cli.Credentials `embed:""`
}

// share is a part of a whole, from 0 to 1.
type share float64

// UnmarshalText reads 10% or 0.1.
func (s *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("expected a share from 0%% to 100%%, not %q", text)
	}
	*s = share(v)
	return nil
}

func (s share) String() string { return strconv.FormatFloat(float64(s)*100, 'g', 4, 64) + "%" }

// of is the share of n, rounded.
func (s share) of(n int) int { return int(float64(s)*float64(n) + 0.5) }

// Validate is called by kong.
func (c *benchCmd) Validate() error {
	for _, n := range []struct {
		flag             string
		value, low, high int
	}{
		{"consumers", c.Consumers, 1, maxBenchConsumers},
		{"rooms", c.Rooms, 1, maxBenchRooms},
		{"joins", c.Joins, 1, c.Rooms},
		{"burst", c.Burst, 1, maxBenchBurst},
		{"storm", c.Storm, 0, maxBenchConsumers},
	} {
		if n.value < n.low || n.value > n.high {
			return config.Errorf(n.flag, "must be from %d to %d, not %d", n.low, n.high, n.value)
		}
	}
	if c.ReceiveBuffer != -1 && (c.ReceiveBuffer < minReceiveBuffer || c.ReceiveBuffer > maxReceiveBuffer) {
		return config.Errorf("receive-buffer", "must be -1 or from %d to %d, not %d", minReceiveBuffer, maxReceiveBuffer, c.ReceiveBuffer)
	}
	if err := cli.CheckRateOrNone("rate", c.Rate, cli.MaxPublishRate); err != nil {
		return err
	}
	if err := cli.CheckRate("slow-rate", c.SlowRate, maxSlowRate); err != nil {
		return err
	}
	switch {
	case c.Slow+c.Stalled > 1:
		return config.Errorf("slow", "and --stalled are together more than all consumers")
	case c.For < 100*time.Millisecond:
		return config.Errorf("for", "must be at least 100ms, not %v", c.For)
	case c.Warmup < 0:
		return config.Errorf("warmup", "must be at least 0, not %v", c.Warmup)
	case c.Drain <= 0:
		return config.Errorf("drain", "must be above 0, not %v", c.Drain)
	case c.URL == "" && len(c.ConsumeURLs) > 0:
		return config.Errorf("consume-url", "needs --url, the instance to publish to")
	}
	publish, consume := c.targets("ws://127.0.0.1")
	if err := publish.Validate(); err != nil {
		return err
	}
	for i := range consume {
		if err := consume[i].Validate(); err != nil {
			return err
		}
	}
	return nil
}

// targets are the servers to publish to and to consume from; own is that of the run.
func (c *benchCmd) targets(own string) (publish cli.Connection, consume []cli.Connection) {
	publish = c.To(cmp.Or(c.URL, own), "url")
	for _, url := range c.ConsumeURLs {
		consume = append(consume, c.To(url, "consume-url"))
	}
	if consume == nil {
		consume = []cli.Connection{publish}
	}
	return publish, consume
}

func (c *benchCmd) Run(ctx context.Context, s cli.Streams) error {
	files, err := c.open()
	if err != nil {
		return err
	}
	defer files.close()
	key, err := c.ReadKey()
	if err != nil {
		return err
	}
	var server *ownServer
	own := ""
	if c.URL == "" {
		if server, err = startOwnServer(ctx, s); err != nil {
			return err
		}
		defer server.stop()
		own = server.url
	}
	publish, consume := c.targets(own)
	publish.Key = key
	opt, err := publish.Options()
	if err != nil {
		return err
	}
	run := newBenchRun(c, s)
	run.server, run.publish, run.consume, run.opt = server, publish, consume, opt
	result, err := run.run(ctx)
	if err != nil || result == nil {
		return err
	}
	result.Command = "backbone " + strings.Join(os.Args[1:], " ")
	if err := files.write(result, run.recorder); err != nil {
		return err
	}
	if err := c.print(s, result); err != nil {
		return err
	}
	if n := result.Wrong(); n > 0 {
		return cli.Failf(cli.ExitRejected, "%s events or connections went wrong", human.Group(int(n)))
	}
	return nil
}
