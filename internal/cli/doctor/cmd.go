// Package doctor is the command that says what is wrong between this machine and a server.
package doctor

import (
	"context"
	"time"

	"backbone/internal/cli"
	"backbone/internal/config"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.Server `embed:""`

	Idle     time.Duration `placeholder:"DURATION" help:"Also leave a connection without traffic for this time, and say whether it stays and the server's pings come through. 40s is longer than the usual --ping-interval."`
	AdminURL string        `name:"admin-url" placeholder:"URL" help:"Also ask the admin address of the instance, as http://host:port, for its version and its limits."`
	AdminKey string        `name:"admin-token-file" placeholder:"FILE" help:"File with the token that the admin address asks for."`
	JSON     bool          `name:"json" help:"Print one JSON object a line, one for each check."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone doctor
backbone doctor wss://prices.example --api-key-file key
backbone doctor wss://prices.example --idle 40s
backbone doctor ws://10.0.0.7:8080 --admin-url http://10.0.0.7:8081 --json`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.Idle < 0 {
		return config.Errorf("idle", "must be at least 0, not %v", c.Idle)
	}
	if c.AdminKey != "" && c.AdminURL == "" {
		return config.Errorf("admin-token-file", "needs --admin-url")
	}
	if c.AdminURL != "" {
		if err := c.admin().One(); err != nil {
			return err
		}
	}
	return c.Server.Validate()
}

func (c *Cmd) admin() *cli.Admin {
	return &cli.Admin{URLs: []string{c.AdminURL}, TokenFile: c.AdminKey, CAFile: c.CAFile}
}

// Run makes the checks one after another, until one fails that the next ones need. It ends with exit
// code 1 if one has failed.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	p, err := newPatient(ctx, c, s)
	if err != nil {
		return err
	}
	for _, look := range []func(context.Context) bool{p.reach, p.secure, p.open, p.health, p.talk, p.pings, p.closes, p.stay, p.instance} {
		if ctx.Err() != nil || !look(ctx) {
			break
		}
	}
	return p.report.end()
}
