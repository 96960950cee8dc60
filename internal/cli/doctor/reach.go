package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/human"
	"backbone/internal/serverurl"
	"backbone/protocol"
)

// patient is the way to a server, and what is known of it. The goroutine of Run owns it.
type patient struct {
	cmd    *Cmd
	report *report
	opt    client.Options
	server serverurl.Server
	at     *url.URL // of the consumers' WebSocket
	host   string   // without the port
	addr   string   // with it
	proxy  *url.URL // that the environment names for the server, or nil

	path string        // of the role that the checks go on with
	trip time.Duration // the shortest round trip of a message
}

func newPatient(ctx context.Context, c *Cmd, s cli.Streams) (*patient, error) {
	opt, err := c.Options()
	if err != nil {
		return nil, err
	}
	servers, err := serverurl.Parse(c.URL())
	if err != nil {
		return nil, err
	}
	p := &patient{cmd: c, opt: opt, server: servers[0], report: &report{streams: s, json: c.JSON, colored: s.Pretty() && !cli.NoColor(), over: ctx.Err}}
	if p.at, err = url.Parse(p.server.To(protocol.PathConsume)); err != nil {
		return nil, err
	}
	port := p.at.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[p.server.Secure()]
	}
	p.host = p.at.Hostname()
	p.addr = net.JoinHostPort(p.host, port)
	p.proxy, err = http.ProxyFromEnvironment(&http.Request{URL: p.web("")})
	if err != nil {
		return nil, fmt.Errorf("the proxy that the environment names: %w", err)
	}
	return p, nil
}

// web is the URL of a page of the server.
func (p *patient) web(path string) *url.URL {
	at, err := url.Parse(p.server.To(path))
	if err != nil {
		panic("doctor: a URL that was parsed before: " + err.Error())
	}
	at.Scheme = map[bool]string{true: "https", false: "http"}[p.server.Secure()]
	return at
}

// reach looks the name up and connects to each of its addresses.
func (p *patient) reach(ctx context.Context) bool {
	if p.proxy != nil {
		p.report.warn("proxy", fmt.Sprintf("the environment names the proxy %s for this server, which clients connect to instead", p.proxy.Redacted()),
			"name the server in NO_PROXY if it can be reached without it")
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	addresses := []string{p.host}
	if _, err := netip.ParseAddr(p.host); err != nil {
		found, err := net.DefaultResolver.LookupHost(ctx, p.host)
		if err != nil {
			return p.report.fail("name", fmt.Sprintf("%s has no address: %s", p.host, lookupFailure(err)), "check how it is spelled, and the name servers of this machine")
		}
		addresses = found
		p.report.ok("name", "%s is %s", p.host, strings.Join(addresses, ", "))
	}
	_, port, _ := net.SplitHostPort(p.addr)
	var worked, failed []string
	var last error
	for _, a := range addresses {
		began := time.Now()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(a, port))
		if err != nil {
			failed, last = append(failed, a), err
			continue
		}
		worked = append(worked, fmt.Sprintf("%s in %s", conn.RemoteAddr(), millis(time.Since(began))))
		_ = conn.Close()
	}
	switch {
	case len(worked) == 0 && errors.Is(last, syscall.ECONNREFUSED):
		return p.report.fail("tcp", fmt.Sprintf("%s refuses connections: nothing listens there", p.addr),
			"start \"backbone serve\" there, with a --listen that this machine can reach, or correct the port")
	case len(worked) == 0 && (errors.Is(last, context.DeadlineExceeded) || errors.Is(last, os.ErrDeadlineExceeded)):
		return p.report.fail("tcp", fmt.Sprintf("%s does not answer within %v", p.addr, p.cmd.ConnectTimeout), "a firewall drops what is sent there, or the machine is off")
	case len(worked) == 0:
		return p.report.fail("tcp", fmt.Sprintf("cannot connect to %s: %v", p.addr, human.Cause(last)), "check the address, and the way to it")
	case len(failed) > 0:
		p.report.warn("tcp", fmt.Sprintf("%s; but not %s: %v", strings.Join(worked, ", "), strings.Join(failed, ", "), last), "clients lose time there first: mend or remove the address")
	default:
		p.report.ok("tcp", "connected to %s", strings.Join(worked, ", "))
	}
	return true
}

func lookupFailure(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Err
	}
	return err.Error()
}

func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	return human.Millis(&ms)
}
