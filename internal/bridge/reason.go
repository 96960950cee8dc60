package bridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// oneLine is what Redis says without line ends, and without the arguments of a command that it
// does not know, which may be a whole script.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, ", with args beginning with")
	return strings.Join(strings.Fields(text), " ")
}

// greeting is how the server answered the connections of a session first. Whoever does not
// speak RESP3 shows it there. The library writes first, and loses a refusal that a server
// sends and closes.
type greeting struct {
	said   atomic.Pointer[string] // an answer that is not that of RESP3 to HELLO
	silent atomic.Bool            // the server ended a connection without an answer
	slow   atomic.Bool            // a connection was given up without an answer

	last atomic.Pointer[firstWords] // the connection that was made last
}

// of returns conn as one whose first answer is kept.
func (g *greeting) of(conn net.Conn) *firstWords {
	c := &firstWords{Conn: conn, kept: g}
	g.last.Store(c)
	return c
}

// firstWords is a connection that keeps its first answer. One goroutine reads at a time.
type firstWords struct {
	net.Conn
	kept *greeting
	read atomic.Uint64 // bytes
}

func (c *firstWords) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read.Add(uint64(n)) > uint64(n) {
		return n, err
	}
	switch {
	case n > 0:
		if b[0] != '%' {
			line, _, _ := bytes.Cut(b[:min(n, 200)], []byte("\n"))
			c.kept.said.Store(new(string(line)))
		}
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded): // given up here
		c.kept.slow.Store(true)
	case err != nil:
		c.kept.silent.Store(true)
	}
	return n, err
}

// Write reads what the server has said before it closed the connection, which nobody else
// reads any more.
func (c *firstWords) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.read.Load() == 0 {
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = c.Read(make([]byte, 200))
	}
	return n, err
}

// refusal is what a server said that is not an answer to a call.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errNoRESP3 = refusal("the server does not speak RESP3: expected Redis 6 or newer with the command HELLO, and no proxy that lacks it")
	errTLSPort = refusal("the port speaks TLS: expected rediss:// in the URL")
)

// explain returns err, or what the greeting says about its cause. The library tells an answer
// to its first command itself, unless that is what it could do without.
func (g *greeting) explain(err error) error {
	said := g.said.Load()
	_, answered := rueidis.IsRedisErr(err)
	switch {
	case said == nil && g.silent.Load() && !errors.Is(err, errLost):
		return fmt.Errorf("%w: the server closed the connection without an answer: expected Redis 6 or newer, "+
			"and rediss:// in the URL if the port speaks TLS", err)
	case said == nil && g.slow.Load() && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w, from a server that took the connection: it hangs or is very busy, or what forwards to it reaches no server", err)
	case said == nil:
		return err
	case strings.HasPrefix(*said, "*"), strings.HasPrefix(*said, "-ERR ") && strings.Contains(strings.ToUpper(*said), "HELLO"):
		return errNoRESP3
	case answered:
		return err
	case strings.HasPrefix(*said, "-"):
		return refusal(oneLine(strings.TrimPrefix(*said, "-")))
	case (*said)[0] == 0x15: // a record with an alert
		return errTLSPort
	default:
		return fmt.Errorf("%w: the server does not speak as Redis does: %q", err, oneLine(*said))
	}
}

// What Redis says where it does not do what it is asked for.
const (
	noSuchCommand = "unknown command"
	noMoreClients = "max number of clients reached"
	noPassword    = "noauth"
	wrongPassword = "wrongpass"
	noRight       = "the user executing the script can't" // without NOPERM, and without the command
)

func says(err error, text string) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), text)
}

// inWords is an error as it is told to operators, in one line.
func inWords(err error) string {
	return strings.ReplaceAll(oneLine(advise(err).Error()), context.DeadlineExceeded.Error(), "no answer in time")
}

// advise puts what to do before an error that says it in the words of Redis alone.
func advise(err error) error {
	switch {
	case says(err, noMoreClients):
		return fmt.Errorf("the server takes no more connections, of which each instance needs %d: raise its maxclients, or find who holds them: %w", connections, err)
	case says(err, "cluster support disabled"):
		return fmt.Errorf("the server is no node of a cluster: expected redis:// in the URL: %w", err)
	case says(err, noSuchCommand+" 'sentinel'"):
		return fmt.Errorf("the server is no sentinel: expected addresses of sentinels in the URL: %w", err)
	case says(err, noSuchCommand) && !says(err, "needs redis"):
		return fmt.Errorf("the server lacks a command that is needed, or has it under another name (rename-command): %w", err)
	case says(err, noPassword):
		return fmt.Errorf("the server wants a password, and this instance has none: %w", err)
	case says(err, wrongPassword):
		return fmt.Errorf("the user or the password is not what the server has; a changed one is read at the next start of this instance: %w", err)
	case says(err, noRight):
		return fmt.Errorf("the user lacks a right that the scripts need (mget get set pttl pexpire, and publish or in a cluster spublish): %w", err)
	default:
		return err
	}
}

// handshakeError explains an error of a TLS handshake.
func handshakeError(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return err
	}
	return fmt.Errorf("TLS handshake: %w: does the port speak TLS? Without TLS the URL begins with redis://", err)
}
