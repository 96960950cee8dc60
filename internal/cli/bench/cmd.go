// Package bench is the command that puts a server under load: its flags, its files, the line
// of progress, the machine, and a server of its own as a process. internal/load does the run
// and internal/load/report words the result.
package bench

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/internal/load"
	"backbone/internal/telemetry"
)

const (
	maxConsumers     = 1_000_000
	maxRooms         = 100_000
	maxBurst         = 100_000
	maxSlowRate      = 1e6
	minReceiveBuffer = 1 << 10
	maxReceiveBuffer = 1 << 30
	minReadRate      = load.ByteRate(100)
	maxReadRate      = load.ByteRate(1e9)
)

// Cmd is the run, which needs no name, and what is done with its results.
type Cmd struct {
	Run     Run     `cmd:"" default:"withargs" hidden:"" help:"Put a server under load and measure latency and throughput. Starts a server if no URL is given."`
	Compare Compare `cmd:"" help:"Say how two runs differ."`
}

// Run is the command that makes a run, and its flags.
type Run struct {
	shape `embed:""`

	JSON bool   `group:"Output" name:"json" help:"Print one JSON object instead of a table."`
	CSV  string `group:"Output" name:"csv" placeholder:"FILE" help:"Write the figures over time, a line per interval."`
	HDR  string `group:"Output" name:"hdr" placeholder:"FILE" help:"Write the latencies as a percentile distribution in milliseconds, as HdrHistogram's plotter reads it."`
	HTML string `group:"Output" name:"html" placeholder:"FILE" help:"Write a report with plots, in one file."`

	URL         string   `group:"Connection" name:"url" placeholder:"URL" help:"Server, as ws://host:port, or wss://host:port for TLS. Without it, the run starts a server of its own."`
	ConsumeURLs []string `group:"Connection" name:"consume-url" placeholder:"URL" help:"Another instance, to consume from. If the flag is given several times, the consumers are divided among the instances."`

	ConsumerKeyFile string `group:"Connection" name:"consumer-key-file" placeholder:"FILE" help:"File that holds the key of the consumers, where the server asks for one. They send the token of --token-file, but not the key of --api-key-file, which is the publisher's."`

	cli.Reach       `embed:""`
	cli.Credentials `embed:""`
}

// Help is the examples of this command.
func (*Run) Help() string {
	return `backbone bench
backbone bench --rooms 200 --rate 5000 --consumers 500 --html report.html
backbone bench --url wss://prices.example --api-key-file key --for 1m
backbone bench compare before.json after.json`
}

// shape has the fields of a load.Shape, each with its flag.
type shape struct {
	Consumers     int           `group:"Load" default:"100" help:"Consumers."`
	Rooms         int           `group:"Load" default:"1" help:"Rooms. Each event goes to one of them, chosen at random."`
	Joins         int           `group:"Load" default:"1" help:"Rooms that each consumer joins."`
	Rate          float64       `group:"Load" default:"1000" help:"Events a second, over all rooms. 0 is as fast as the server accepts them."`
	Burst         int           `group:"Load" default:"1" help:"Events that are due at the same moment. The rate stays the same."`
	Batch         bool          `group:"Load" help:"Send a burst as one message."`
	Slow          load.Share    `group:"Load" default:"0%" placeholder:"SHARE" help:"Share of the consumers that read slowly, such as 10%."`
	SlowRate      float64       `group:"Load" default:"100" help:"Events a second that a slow consumer reads."`
	Stalled       load.Share    `group:"Load" default:"0%" placeholder:"SHARE" help:"Share of the consumers that join and then never read."`
	ReceiveBuffer int           `group:"Load" default:"65536" help:"Receive buffer of a consumer's socket in bytes. -1 leaves it to the system, which enlarges it when much arrives."`
	SlowReaders   int           `group:"Load" default:"0" placeholder:"N" help:"Further consumers that read their connection at --read-rate. The age of the prices that they read is measured apart from the latency."`
	ReadRate      load.ByteRate `group:"Load" default:"100KB" help:"Bytes a second that a slow reader reads, such as 20KB, 64KiB or 1MB."`
	Storm         int           `group:"Load" default:"0" placeholder:"N" help:"Further consumers that all connect and join concurrently, halfway through."`
	Seed          uint64        `group:"Load" default:"1" help:"The same seed chooses the same rooms and the same slow consumers."`

	For    time.Duration `group:"Run" default:"10s" help:"How long to measure."`
	Warmup time.Duration `group:"Run" default:"1s" help:"How long to publish before measuring."`
	Drain  time.Duration `group:"Run" default:"10s" help:"How long to wait at the end for events on their way. An event that has not arrived by then counts as lost."`
}

// Validate is called by kong.
func (c *Run) Validate() error {
	for _, n := range []struct {
		flag             string
		value, low, high int
	}{
		{"consumers", c.Consumers, 1, maxConsumers},
		{"rooms", c.Rooms, 1, maxRooms},
		{"joins", c.Joins, 1, c.Rooms},
		{"burst", c.Burst, 1, maxBurst},
		{"slow-readers", c.SlowReaders, 0, maxConsumers},
		{"storm", c.Storm, 0, maxConsumers},
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
	if c.ReadRate < minReadRate || c.ReadRate > maxReadRate {
		return config.Errorf("read-rate", "must be from %v to %v, not %v", minReadRate, maxReadRate, c.ReadRate)
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
func (c *Run) targets(own string) (publish cli.Connection, consume []cli.Connection) {
	publish = c.To(cmp.Or(c.URL, own), "url")
	for _, url := range c.ConsumeURLs {
		consume = append(consume, c.To(url, "consume-url"))
	}
	if consume == nil {
		consume = []cli.Connection{publish}
	}
	return publish, consume
}

// Run makes one run and prints its result. If ctx ends it early, the result covers that time.
func (c *Run) Run(ctx context.Context, s cli.Streams) error {
	files, err := c.open()
	if err != nil {
		return err
	}
	defer files.close()
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
	if err := c.GiveTo(&publish); err != nil {
		return err
	}
	result, err := c.run(ctx, s, server, publish, consume)
	if errors.Is(err, load.ErrInterrupted) {
		s.Say("%v", err)
		return nil
	}
	if err != nil {
		return failure(err, publish, consume)
	}
	unwritten := files.write(s, result)
	if err := c.print(s, result); err != nil {
		return err
	}
	if unwritten != nil {
		return unwritten
	}
	if n := result.Wrong(); n > 0 {
		return cli.Failf(cli.ExitRejected, "%s events or connections went wrong", human.Group(n))
	}
	return nil
}

// run does the run and adds to its result what only the command knows.
func (c *Run) run(ctx context.Context, s cli.Streams, server *ownServer, publish cli.Connection, consume []cli.Connection) (*load.Result, error) {
	opt, err := publish.Options()
	if err != nil {
		return nil, err
	}
	o := load.Options{Shape: load.Shape(c.shape), PublishTo: publish.URL(), Client: opt}
	if c.ConsumerKeyFile != "" {
		if o.ConsumerKey, err = config.ReadCredentials("consumer-key-file", c.ConsumerKeyFile); err != nil {
			return nil, err
		}
	}
	for _, from := range consume {
		o.ConsumeFrom = append(o.ConsumeFrom, from.URL())
	}
	if server != nil {
		o.ServerPID, o.Abort = server.pid, server.failed
	}
	if telemetry.IsTerminal(s.Err) {
		p := &progress{terminal: s.Err, consumers: c.Consumers + c.SlowReaders, whole: c.For}
		o.Progress, o.ProgressEvery = p.show, progressEvery
		defer p.clear()
	}
	result, err := load.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	result.Command = "backbone " + cli.ShownArguments(os.Args[1:])
	result.Settings.URL = cli.ShownURLs(result.Settings.URL)
	for i, url := range result.Settings.ConsumeURLs {
		result.Settings.ConsumeURLs[i] = cli.ShownURLs(url)
	}
	result.Machine = thisMachine()
	result.Settings.OwnServer = server != nil
	result.Notes = notes(result, c.Drain)
	return result, nil
}

// failure words an error of connecting for the connection that it is of.
func failure(err error, publish cli.Connection, consume []cli.Connection) error {
	failed, ok := errors.AsType[*load.ConnectError](err)
	if !ok {
		return err
	}
	if failed.Publisher {
		return publish.Failure(failed.Err)
	}
	i := slices.IndexFunc(consume, func(c cli.Connection) bool { return c.URL() == failed.URL })
	return consume[i].Failure(failed.Err)
}
