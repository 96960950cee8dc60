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
	Prefix string `arg:"" optional:"" empty:"flag" help:"Only rooms whose names begin with this. Without it all."`

	JSON    bool          `name:"json" help:"Print one JSON object in place of a name a line."`
	Timeout time.Duration `default:"10s" help:"How long to wait for the server, in all."`

	cli.Access `embed:""`
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

// Run prints the names, sorted.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	late := cli.Failf(cli.ExitConnect, "no answer within %v (--timeout)", c.Timeout)
	conn, err := c.Dial(waiting, client.ConnOptions{})
	switch {
	case err != nil || ctx.Err() != nil:
		return err
	case conn == nil:
		return late
	}
	defer conn.Close()
	names, err := conn.ListRooms(waiting, c.Prefix)
	switch {
	case ctx.Err() != nil:
		return nil
	case waiting.Err() != nil:
		return late
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
