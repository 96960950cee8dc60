package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"backbone/internal/config"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// apiKeyVariable is where publish looks for the key if no file is named.
const apiKeyVariable = config.EnvPrefix + "_API_KEY"

const maxPublishRate = 1e9

type publishCmd struct {
	Instrument string `group:"One event" placeholder:"NAME" help:"Instrument to publish a price of, instead of JSON lines."`
	Price      string `group:"One event" placeholder:"NUMBER" help:"The price. Consumers receive it exactly as written here."`
	TS         *int64 `group:"One event" name:"ts" placeholder:"N" help:"Its time, in a unit of your choice. Now in milliseconds, if left out."`

	File string  `placeholder:"FILE" help:"Read JSON lines from a file instead of standard input."`
	Rate float64 `placeholder:"N" help:"Events a second. 0 is as fast as the server takes them."`
	Ack  bool    `help:"Wait for the server's answer to each event, so that all that is rejected or lost is known by its line."`

	connection `embed:""`
	APIKeyFile string `group:"Connection" name:"api-key-file" placeholder:"FILE" help:"File that holds the key to publish with. The key itself can be set in BACKBONE_API_KEY."`
}

// Validate is called by kong.
func (c *publishCmd) Validate() error {
	one := c.Instrument != "" || c.Price != "" || c.TS != nil
	switch {
	case one && c.File != "":
		return config.Errorf("file", "and an event in flags exclude each other: leave one out")
	case one && c.Instrument == "":
		return config.Errorf("instrument", "is missing: an event has --instrument and --price")
	case one && c.Price == "":
		return config.Errorf("price", "is missing: an event has --instrument and --price")
	case one && !protocol.ValidRoom(c.Instrument):
		return config.Errorf("instrument", "must be [A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}, not %q", c.Instrument)
	case one && (jsontext.Value(c.Price).Kind() != '0' || !jsontext.Value(c.Price).IsValid() || len(c.Price) > protocol.MaxPriceLength):
		return config.Errorf("price", "must be a JSON number of at most %d characters, not %q", protocol.MaxPriceLength, c.Price)
	case c.TS != nil && *c.TS < 0:
		return config.Errorf("ts", "must be at least 0, not %d", *c.TS)
	}
	if err := checkRateOrNone("rate", c.Rate, maxPublishRate); err != nil {
		return err
	}
	return c.connection.Validate()
}

func (c *publishCmd) Run(ctx context.Context, s streams) error {
	opt, err := c.options()
	if err != nil {
		return err
	}
	if opt.APIKey, err = readAPIKey(c.APIKeyFile); err != nil {
		return err
	}
	c.key = opt.APIKey
	input, err := c.input(s)
	if err != nil {
		return err
	}
	if f, ok := input.(*os.File); ok && f != s.in {
		defer f.Close() //nolint:errcheck // only read from
	}
	return newPublication(c, s).run(ctx, opt, newEventReader(input))
}

// input is where the JSON lines come from. An event in flags is a line too.
func (c *publishCmd) input(s streams) (io.Reader, error) {
	switch {
	case c.Instrument != "":
		ts := time.Now().UnixMilli()
		if c.TS != nil {
			ts = *c.TS
		}
		event := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: c.Instrument, Price: json.Number(c.Price), TS: &ts}
		return bytes.NewReader(event.Append(nil)), nil
	case c.File != "" && c.File != "-":
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			_ = f.Close() // nothing was read
			return nil, fmt.Errorf("--file: %s is a directory: name a file of JSON lines", c.File)
		}
		return f, nil
	}
	if f, ok := s.in.(*os.File); ok && telemetry.IsTerminal(f) {
		s.say("reading JSON lines from the terminal; Ctrl-D ends")
	}
	return s.in, nil
}

// readAPIKey is the key in a file, or in the environment if none is named.
func readAPIKey(file string) (string, error) {
	if file == "" {
		return os.Getenv(apiKeyVariable), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsAny(key, " \t\r\n") {
		return "", config.Errorf("api-key-file", "%s must hold the key alone, as it stands behind the colon in the server's keys file", file)
	}
	return key, nil
}

// pacer spreads events over time.
type pacer struct{ next time.Time }

// wait waits until d after the time of the call before, and no longer. Who comes late
// catches up, but not with what is more than a second late.
func (p *pacer) wait(ctx context.Context, d time.Duration) error {
	now := time.Now()
	if p.next = p.next.Add(d); now.Sub(p.next) > time.Second {
		p.next = now
	}
	if p.next.Sub(now) <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(p.next.Sub(now)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errInterrupted ends a publication on the user's wish.
var errInterrupted = errors.New("interrupted")
