package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/internal/serverurl"
)

// DefaultURL is the server of commands to which none is named.
const DefaultURL = "ws://127.0.0.1:8080"

// Connection is the flags by which a command reaches one server.
type Connection struct {
	URLs    []string `group:"Connection" name:"url" placeholder:"URL" help:"Server, as ws://host:port, or wss://host:port for TLS. Without it, that of the context, or else ws://127.0.0.1:8080. Several, with commas or the flag repeated, are tried in turn until one accepts."`
	Context string   `group:"Connection" placeholder:"NAME" help:"Server and credentials that \"backbone context add\" gave this name."`
	Reach   `embed:""`

	Key     string                                `kong:"-"` // that is sent to the server; empty for none
	Token   func(context.Context) (string, error) `kong:"-"` // in place of Key: the SDK's; nil for none
	within  string                                // the context that the server is of; empty for none
	from    Context                               // its files
	settled []string                              // URLs that were not given
	flag    string                                // that the URL was given by; empty for --url
}

// Reach is the flags that say how to reach a server, without its URL. A command with several
// URLs embeds it instead of Connection.
type Reach struct {
	CAFile             string        `group:"Connection" name:"ca-file" placeholder:"FILE" help:"Certificates in PEM, one of which signed the server's. Without it, those that this machine trusts."`
	CertFile           string        `group:"Connection" name:"cert-file" placeholder:"FILE" help:"Certificate chain in PEM that the server gets. With --key-file."`
	KeyFile            string        `group:"Connection" name:"key-file" placeholder:"FILE" help:"Private key of --cert-file, in PEM."`
	InsecureSkipVerify bool          `group:"Connection" help:"Accept any certificate. Anyone on the way to the server can then read and change everything."`
	ConnectTimeout     time.Duration `group:"Connection" default:"5s" help:"How long to try to connect."`
}

// To is a connection to the URL that was given by a flag.
func (r Reach) To(url, flag string) Connection {
	return Connection{URLs: []string{url}, Reach: r, flag: flag}
}

// URL is what the SDK dials.
func (c *Connection) URL() string { return strings.Join(c.URLs, ",") }

// Shown is URL for people.
func (c *Connection) Shown() string { return ShownURLs(c.URL()) }

// ShownURLs are URLs for people: without what follows a ?, which may hold a key.
func ShownURLs(urls string) string {
	servers, err := serverurl.Parse(urls)
	if err != nil {
		return withoutQuery(urls)
	}
	shown := make([]string, len(servers))
	for i := range servers {
		shown[i] = servers[i].Shown("")
	}
	return strings.Join(shown, ",")
}

// ShownArguments is a command line for people, without what follows a ? of a URL.
func ShownArguments(args []string) string {
	shown := make([]string, len(args))
	for i, arg := range args {
		if shown[i] = arg; strings.Contains(arg, "://") {
			shown[i] = withoutQuery(arg)
		}
	}
	return strings.Join(shown, " ")
}

func withoutQuery(url string) string {
	if plain, _, found := strings.Cut(url, "?"); found {
		return plain + "?..."
	}
	return url
}

// Validate refuses URLs and flags with which no connection can be made.
func (c *Connection) Validate() error {
	if err := c.settle(); err != nil {
		return err
	}
	name := cmp.Or(c.flag, "url")
	servers, err := serverurl.Parse(c.URL())
	if err != nil {
		return config.Errorf(name, "%v", err)
	}
	for _, s := range servers {
		if s.HoldsCredentials() {
			return config.Errorf(name, "must not hold credentials: keys go to --api-key-file or %s, tokens to --token-file or %s", APIKeyVariable, TokenVariable)
		}
		if !s.Secure() && (c.CAFile != "" || c.InsecureSkipVerify || c.CertFile != "") {
			return config.Errorf(name, "must begin with wss:// where --ca-file, --cert-file or --insecure-skip-verify is given")
		}
	}
	switch {
	case c.CertFile != "" && c.KeyFile == "":
		return config.Errorf("cert-file", "needs --key-file, the private key of the certificate")
	case c.KeyFile != "" && c.CertFile == "":
		return config.Errorf("key-file", "needs --cert-file, the certificate of the key")
	}
	if c.ConnectTimeout <= 0 {
		return config.Errorf("connect-timeout", "must be above 0, not %v", c.ConnectTimeout)
	}
	return nil
}

func (c *Connection) servers() []serverurl.Server {
	servers, err := serverurl.Parse(c.URL())
	if err != nil {
		panic("cli: a URL was not validated: " + err.Error())
	}
	return servers
}

// Options are those of the SDK for these flags.
func (c *Connection) Options() (client.Options, error) {
	o := client.Options{DialTimeout: c.ConnectTimeout, APIKey: c.Key, Token: c.Token}
	if c.CAFile == "" && !c.InsecureSkipVerify && c.CertFile == "" {
		return o, nil
	}
	o.TLSConfig = &tls.Config{InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // only where the flag says so
	if c.CAFile != "" {
		var err error
		if o.TLSConfig.RootCAs, err = config.Authorities("ca-file", c.CAFile); err != nil {
			return o, err
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return o, fmt.Errorf("--cert-file, --key-file: %w", err)
		}
		o.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	return o, nil
}

// Failure gives an error of connecting its exit code, and says what to do.
func (c *Connection) Failure(err error) error {
	refused, ok := errors.AsType[*client.ConnectError](err)
	servers := c.servers()
	where := servers[0].Shown("")
	if len(servers) > 1 {
		where = "each server"
	}
	switch {
	case errors.Is(err, client.ErrRefused) && ok && refused.Status == 401 && strings.Contains(c.Key, ":"):
		return Failf(ExitRefused, "%s refuses the key: --api-key-file or %s holds a line name:key of the server's keys file, and must hold only the part after the colon", where, APIKeyVariable)
	case errors.Is(err, client.ErrRefused) && ok && refused.Status == 401 && (c.Key != "" || c.Token != nil):
		return Failf(ExitRefused, "%s refuses the key or token that was sent: %s: the line \"handshake refused\" of its log says why", where, human.Error(err))
	case errors.Is(err, client.ErrRefused) && ok && refused.Status == 401:
		return Failf(ExitRefused, "%s refuses without a valid key or token: set --api-key-file or %s, or --token-file or %s", where, APIKeyVariable, TokenVariable)
	case errors.Is(err, client.ErrRefused):
		return Failf(ExitRefused, "%s refuses: %s", where, human.Error(err))
	case len(servers) > 1:
		return Failf(ExitConnect, "cannot connect: %s: %s", human.Error(err), advice(servers, err))
	default:
		return Failf(ExitConnect, "cannot connect to %s: %s: %s; \"backbone doctor %s\" says more", where, human.Error(err), advice(servers, err), where)
	}
}

// UnlessOver returns err, or nil if ctx has ended: then err only follows from that.
func UnlessOver(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// advice is what to do about an error of connecting.
func advice(servers []serverurl.Server, err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return "check the name in the URL, and the name servers of this machine (--url)"
	}
	insecure := slices.ContainsFunc(servers, func(s serverurl.Server) bool { return !s.Secure() })
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "set --ca-file to the server's certificate, or to the one that signed it"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "use a host name that is in the certificate, and check that it has not expired"
	case busy(err):
		return "an instance, or a proxy in front of it, answers and takes no client now: ask it for /readyz"
	case !insecure && !isRefusedConnection(err):
		return "does \"backbone serve\" run there with --tls-cert? Without it the URL begins with ws:// (--url)"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "malformed HTTP") ||
		strings.Contains(err.Error(), "HTTP without TLS"): // as an instance with TLS says
		return "does the server use TLS? Then the URL begins with wss:// (--url)"
	}
	return "does \"backbone serve\" run there? (--url)"
}

// busy reports whether an instance or a proxy answered that no client can be served now.
func busy(err error) bool {
	e, ok := errors.AsType[*client.ConnectError](err)
	return ok && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout)
}
