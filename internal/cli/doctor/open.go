package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// door is an attempt to open a WebSocket.
type door struct {
	ws     *websocket.Conn // nil if there is none
	status int             // of the answer; 0 without one
	server string          // what the answer says that it is from
	text   string          // the body of a refusal
	err    error
}

// try opens a WebSocket of a role, with the credentials or without.
func (p *patient) try(ctx context.Context, path string, credentials bool, change func(*websocket.DialOptions)) door {
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	header := http.Header{}
	if credentials && p.opt.APIKey != "" {
		header.Set(protocol.HeaderAPIKey, p.opt.APIKey)
	}
	if credentials && p.opt.Token != nil {
		token, err := p.opt.Token(ctx)
		if err != nil {
			return door{err: err}
		}
		header.Set("Authorization", "Bearer "+token)
	}
	o := &websocket.DialOptions{HTTPClient: p.client(credentials), HTTPHeader: header, Subprotocols: []string{protocol.Subprotocol}}
	if change != nil {
		change(o)
	}
	ws, resp, err := websocket.Dial(ctx, p.server.To(path), o) //nolint:bodyclose // the library has
	d := door{ws: ws, err: err}
	if resp != nil {
		d.status, d.server = resp.StatusCode, resp.Header.Get("Server")
		if err != nil && resp.Body != nil {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
			d.text = strings.Join(strings.Fields(string(body)), " ")
		}
	}
	return d
}

// client asks the server, with the client's certificate or without. It follows no redirect, so that
// nobody else gets the credentials.
func (p *patient) client(certificate bool) *http.Client {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if p.opt.TLSConfig != nil {
		t.TLSClientConfig = p.opt.TLSConfig.Clone()
		if !certificate {
			t.TLSClientConfig.Certificates = nil
		}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (d door) leave() {
	if d.ws != nil {
		_ = d.ws.CloseNow()
	}
}

// open opens WebSockets of both roles, and says which of them the credentials allow.
func (p *patient) open(ctx context.Context) bool {
	has := p.opt.APIKey != "" || p.opt.Token != nil || p.cmd.CertFile != ""
	consumer, ingest := p.try(ctx, protocol.PathConsume, true, nil), p.try(ctx, protocol.PathIngest, true, nil)
	defer consumer.leave()
	defer ingest.leave()
	p.path = protocol.PathConsume
	met := consumer // the one to go on with
	if consumer.ws == nil && ingest.ws != nil {
		p.path, met = protocol.PathIngest, ingest
	}
	if met.ws == nil && !refused(consumer) {
		return p.closed(ctx, consumer)
	}
	if met.ws != nil && met.ws.Subprotocol() != protocol.Subprotocol {
		return p.report.fail("websocket", "a WebSocket opens, but what answers does not speak "+protocol.Subprotocol, "something else listens there: check host, port and path")
	}
	if met.ws != nil {
		p.report.ok("websocket", "%s opens and speaks %s", p.server.Shown(p.path), protocol.Subprotocol)
	}
	switch {
	case consumer.ws != nil && ingest.ws != nil && has:
		bare := p.try(ctx, protocol.PathIngest, false, nil)
		defer bare.leave()
		if bare.ws != nil {
			p.report.ok("credentials", "not looked at: the server asks for none, to consume and to publish")
			return true
		}
		p.report.ok("credentials", "accepted: may consume and publish")
	case consumer.ws != nil && ingest.ws != nil:
		p.report.ok("credentials", "the server asks for none, to consume and to publish")
	case met.ws == nil && has:
		return p.report.fail("credentials", fmt.Sprintf("not accepted: %s", refusal(consumer)), p.otherKey())
	case met.ws == nil:
		return p.report.fail("credentials", fmt.Sprintf("the server asks for some: %s", refusal(consumer)), "give --api-key-file, --token-file or a client's certificate")
	case ingest.ws != nil:
		p.report.ok("credentials", "accepted: may publish; consuming is not allowed: %s", refusal(consumer))
	case !has:
		p.report.ok("credentials", "may consume without any; publishing is not allowed: %s", refusal(ingest))
	default:
		bare := p.try(ctx, protocol.PathConsume, false, nil)
		defer bare.leave()
		if bare.ws != nil && ingest.status == http.StatusUnauthorized {
			p.report.fail("credentials", fmt.Sprintf("not accepted for publishing: %s; consuming needs none", refusal(ingest)), p.otherKey())
			return true // what needs none can be looked at
		}
		p.report.ok("credentials", "accepted: may consume; publishing is not allowed: %s", refusal(ingest))
	}
	return true
}

func (p *patient) otherKey() string {
	if strings.Contains(p.opt.APIKey, ":") {
		return "it is a line name:key of the server's keys file: give only the part behind the colon"
	}
	return "check which file is given; the line \"handshake refused\" of the server's log says why"
}

// refused reports whether the server knows what is asked for, and does not allow it.
func refused(d door) bool {
	return d.status == http.StatusUnauthorized || d.status == http.StatusForbidden
}

func refusal(d door) string {
	if d.status == 0 {
		if failed, ok := errors.AsType[*url.Error](d.err); ok { // whose text has the query, which can be a secret
			return failed.Err.Error()
		}
		return d.err.Error()
	}
	if d.text == "" {
		return fmt.Sprintf("%d %s", d.status, http.StatusText(d.status))
	}
	return fmt.Sprintf("%d, %q", d.status, d.text)
}

// closed says why no WebSocket opens.
func (p *patient) closed(ctx context.Context, d door) bool {
	from := ""
	if d.server != "" {
		from = fmt.Sprintf(" (%s)", d.server)
	}
	said := "the handshake is answered with " + refusal(d) + from
	fail := func(text, todo string) bool { return p.report.fail("websocket", text, todo) }
	switch d.status {
	case 0:
		return p.silent(d.err)
	case http.StatusNotFound:
		_, at, err := p.find(ctx)
		switch {
		case err == nil && at != p.web(protocol.PathReady).Path:
			return fail(said, "an instance is there, but not under this path: leave the path of the URL out, or set --path-prefix of the instance")
		case err == nil:
			return fail(said, "an instance is there, but no WebSocket: is this its --admin-listen? Or add its --path-prefix to the URL")
		}
		return fail(said, "no backbone is under this URL: check host, port and path; behind a proxy, what it passes on")
	case http.StatusBadRequest, http.StatusUpgradeRequired:
		if !p.server.Secure() && (strings.Contains(d.text, "TLS") || strings.Contains(d.text, "HTTPS")) {
			return fail(said, "begin the URL with wss://")
		}
		return fail(said, "a proxy in between does not pass the WebSocket handshake on (Upgrade and Connection), or this is no backbone")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fail(said, "the instance, or a proxy in front of it, takes no client now: try later, or raise --max-connections and the like")
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return fail(said, "a proxy answers and cannot reach an instance: is \"backbone serve\" up behind it?")
	}
	return fail(said, "what listens there is no backbone, or a proxy that passes no WebSockets on: check the port, and the proxy's settings")
}

// silent says why a request has no answer at all.
func (p *patient) silent(err error) bool {
	switch text := err.Error(); {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return p.report.fail("websocket", "the certificate is not accepted: "+text, "see --ca-file")
	case strings.Contains(text, "certificate required") || strings.Contains(text, "bad certificate"):
		return p.report.fail("websocket", "the server asks for a certificate of the client", "give --cert-file and --key-file")
	case !p.server.Secure() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(text, "malformed HTTP") || strings.Contains(text, "HTTP without TLS")):
		return p.report.fail("websocket", p.addr+" does not answer HTTP", "does the server use TLS? Then the URL begins with wss://")
	case errors.Is(err, context.DeadlineExceeded):
		return p.report.fail("websocket", fmt.Sprintf("no answer to the handshake within %v", p.cmd.ConnectTimeout), "the instance, or a proxy in front of it, hangs: look at its log and its load")
	default:
		return p.report.fail("websocket", "no WebSocket opens: "+text, "check what listens there")
	}
}
