// Package health is the command that asks an instance how it is, for images without curl.
package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"backbone/internal/cli"
	"backbone/protocol"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.Admin `embed:""`

	Live    bool          `help:"Ask only whether the process lives (/healthz), not whether it accepts clients (/readyz)."`
	Timeout time.Duration `default:"3s" help:"How long to wait for the answer."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone health
backbone health --live
backbone health --admin-url http://10.0.0.7:8081 --timeout 1s`
}

// Validate is called by kong.
func (c *Cmd) Validate() error { return c.One() }

// maxBody is more than an instance answers.
const maxBody = 1 << 20

// Run prints the answer. It fails if that is not that all is well.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	path := protocol.PathReady
	if c.Live {
		path = protocol.PathHealth
	}
	resp, err := c.Get(ctx, c.URLs[0], path)
	if errors.Is(err, context.DeadlineExceeded) {
		return cli.Failf(cli.ExitConnect, "no answer from %s within %v", c.URLs[0], c.Timeout)
	} else if err != nil {
		return cli.Failf(cli.ExitConnect, "%w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return cli.Failf(cli.ExitConnect, "the answer of %s broke off: %w", c.URLs[0], err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", c.URLs[0]+path, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	if s.Pretty() { // whatever answered
		lines := strings.Split(string(body), "\n")
		for i := range lines {
			lines[i] = cli.Printable(lines[i])
		}
		body = []byte(strings.Join(lines, "\n"))
	}
	return s.Print(body)
}
