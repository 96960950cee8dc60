// Package rooms is the command that lists the rooms of a server that have a price.
package rooms

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/protocol"
)

// Cmd is the command and its flags.
type Cmd struct {
	Prefix string `arg:"" optional:"" help:"Only rooms whose names begin with this. Without it all."`

	JSON    bool          `name:"json" help:"Print one JSON object in place of a name a line."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the server, in all."`

	cli.Connection  `embed:""`
	cli.Credentials `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone rooms
backbone rooms BTC_
backbone rooms --json --url wss://prices.example --api-key-file key`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if fault := protocol.PrefixFault(c.Prefix); fault != "" {
		return config.Errorf("", "prefix %q: it %s", c.Prefix, fault)
	}
	if c.Timeout <= 0 {
		return config.Errorf("timeout", "must be above 0, not %v", c.Timeout)
	}
	return c.Connection.Validate()
}

// ListRooms is for the completion of shells.
func (c *Cmd) ListRooms(ctx context.Context, prefix string) ([]string, error) {
	return cli.ListRooms(ctx, &c.Connection, &c.Credentials, prefix)
}

// Run prints the names, sorted.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ended := ctx
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := c.GiveTo(&c.Connection); err != nil {
		return err
	}
	opt, err := c.Options()
	if err != nil {
		return err
	}
	conn, err := client.Dial(ctx, c.URL(), &client.ConnOptions{Options: opt})
	if err != nil {
		if ended.Err() != nil {
			return nil
		}
		return c.Failure(err)
	}
	defer conn.Close()
	names, err := conn.ListRooms(ctx, c.Prefix)
	switch {
	case ended.Err() != nil:
		return nil
	case ctx.Err() != nil:
		return cli.Failf(cli.ExitConnect, "no answer within %v (--timeout)", c.Timeout)
	case err != nil:
		return cli.Failf(cli.ExitRefused, "the server does not tell its rooms: %w", err)
	}
	return c.print(s, names)
}

func (c *Cmd) print(s cli.Streams, names []string) error {
	if c.JSON {
		line, err := json.Marshal(struct {
			Rooms []string `json:"rooms"`
		}{append([]string{}, names...)})
		if err != nil {
			return err
		}
		return s.Print(append(line, '\n'))
	}
	if len(names) == 0 {
		s.Say("no room has a price")
		return nil
	}
	return s.Print([]byte(strings.Join(names, "\n") + "\n"))
}
