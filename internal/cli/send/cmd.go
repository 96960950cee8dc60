// Package send is the command that sends chat messages to a room.
package send

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

// maxLine bounds a line of the input. A message is shorter still, which the SDK tells.
const maxLine = 1 << 20

// Cmd is the command and its flags.
type Cmd struct {
	Room string   `arg:"" name:"room" help:"Room to send to."`
	Text []string `arg:"" optional:"" name:"text" help:"The message. If left out, each line of standard input is one."`

	Rate float64 `placeholder:"N" help:"Messages a second. 0 is as fast as the server acknowledges them."`

	cli.Access `embed:""`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone send lobby hello everybody
tail -f notes.txt | backbone send lobby --rate 5`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if fault := protocol.RoomFault(c.Room); fault != "" {
		return config.Errorf("", "room %q: the name %s", c.Room, fault)
	}
	if err := cli.CheckRateOrNone("rate", c.Rate, cli.MaxPublishRate); err != nil {
		return err
	}
	return c.Connection.Validate()
}

// Run joins the room, because only members can send to it, and sends until the input or ctx ends.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := c.Dial(ctx, client.ConnOptions{})
	if conn == nil {
		return err
	}
	live, gone := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer gone()
		follow(s, conn.Events())
	}()
	defer func() {
		conn.Close()
		<-ended
	}()
	if err := conn.Join(ctx, c.Room); err != nil {
		if rejected, ok := errors.AsType[*client.JoinError](err); ok && len(rejected.Rejected) > 0 {
			s.Refused(rejected.Rejected[0])
			return cli.Failf(cli.ExitRejected, "nothing was sent")
		}
		return c.failed(ctx, err)
	}
	return c.send(live, s, conn)
}

// send sends until the input ends, or ctx, which does so with the connection too.
func (c *Cmd) send(ctx context.Context, s cli.Streams, conn *client.Conn) error {
	sent, refused := 0, 0
	pacer := cli.NewPacer()
	for messages := c.messages(ctx, s); ; {
		m, more := next(ctx, messages)
		if !more {
			break
		}
		if m.err != nil {
			return fmt.Errorf("line %d: reading: %w", m.line, m.err)
		}
		if c.Rate > 0 && sent+refused > 0 && pacer.Wait(ctx, cli.Gap(c.Rate)) != nil {
			break
		}
		waiting, stop := context.WithTimeout(ctx, c.ConnectTimeout)
		err := conn.Send(waiting, c.Room, m.text)
		late := waiting.Err() != nil
		stop()
		rejected, is := errors.AsType[*client.RequestError](err)
		switch {
		case err == nil:
			sent++
			continue
		case conn.Err() != nil || ctx.Err() != nil:
			refused++
		case late:
			refused++
			s.Say("%snot acknowledged within %v (--connect-timeout)", where(m.line), c.ConnectTimeout)
		case is:
			refused++
			s.Say("%s%s: %s%s", where(m.line), rejected.Code, rejected.Message, advice(rejected.Code))
			continue
		case errors.Is(err, client.ErrConnectionLost):
			refused++
			s.Say("%s%s: nobody knows whether it arrived", where(m.line), human.Error(err))
			continue
		default:
			return c.failed(ctx, err)
		}
		break
	}
	if len(c.Text) == 0 {
		s.Say("sent %s, not sent %s", human.Group(sent), human.Group(refused))
	}
	if err := conn.State().Err; errors.Is(err, client.ErrRefused) {
		return c.Failure(err)
	}
	if refused > 0 {
		return cli.Failf(cli.ExitRejected, "%s not sent", human.Things(refused, "message"))
	}
	return nil
}

// follow says how the connection is. What others send is not for this command.
func follow(s cli.Streams, events <-chan client.Event) {
	lost := false
	for e := range events {
		switch e := e.(type) {
		case client.Disconnected:
			if !lost {
				lost = true
				s.Say("disconnected: %s; trying again", human.Error(e.Err))
			}
		case client.Rejoined:
			lost = false
			s.Say("connected again")
			for _, room := range e.Rejected {
				s.Refused(room)
			}
		}
	}
}

// next is the next message, none at the end of the input or of ctx: a read of a terminal cannot be
// broken off.
func next(ctx context.Context, messages <-chan message) (m message, more bool) {
	select {
	case m, more = <-messages:
	case <-ctx.Done():
	}
	return m, more
}

func where(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", line)
}

// advice is what to do about a refusal.
func advice(code protocol.Code) string {
	if code == protocol.CodeRateLimited {
		return " (--rate sends more slowly)"
	}
	return ""
}

// failed is the outcome of a connection that ended.
func (c *Cmd) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // it was stopped
	case errors.Is(err, client.ErrRefused):
		return c.Failure(err)
	}
	return err
}

// message is a text to send. line is 0 for one of the command line.
type message struct {
	text string
	line int
	err  error // of reading, instead of a text
}

// messages are what is to be sent. The channel is closed behind the last one, and when ctx ends.
func (c *Cmd) messages(ctx context.Context, s cli.Streams) <-chan message {
	messages := make(chan message)
	go func() {
		defer close(messages)
		give := func(m message) bool {
			select {
			case messages <- m:
				return true
			case <-ctx.Done():
				return false
			}
		}
		if len(c.Text) > 0 {
			give(message{text: strings.Join(c.Text, " ")})
			return
		}
		if f, ok := s.In.(*os.File); ok && telemetry.IsTerminal(f) {
			s.Say("each line is a message; Ctrl-D ends")
		}
		scan := bufio.NewScanner(s.In)
		scan.Buffer(nil, maxLine)
		line := 1
		for ; scan.Scan(); line++ {
			if text := strings.TrimRight(scan.Text(), "\r"); strings.TrimSpace(text) != "" && !give(message{text: text, line: line}) {
				return
			}
		}
		if scan.Err() != nil {
			give(message{line: line, err: scan.Err()})
		}
	}()
	return messages
}
