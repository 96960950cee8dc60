package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// Conn is a WebSocket.
type Conn struct{ ws *websocket.Conn }

// Close ends it without a goodbye.
func (c *Conn) Close() { _ = c.ws.CloseNow() } // it may be closed already

// Dial connects to a path and offers a subprotocol, which may be empty. The answer is the status of
// HTTP and the subprotocol that the server chose; it is empty if no answer of HTTP came.
type Dial func(ctx context.Context, path, offer string) (conn *Conn, answer string, err error)

// NewDial returns a Dial with an HTTP client, for URLs that to makes of paths, with a header for each.
func NewDial(client *http.Client, to func(path string) string, header func(path string) (http.Header, error)) Dial {
	return func(ctx context.Context, path, offer string) (*Conn, string, error) {
		h, err := header(path)
		if err != nil {
			return nil, "", err
		}
		o := &websocket.DialOptions{HTTPClient: client, HTTPHeader: h}
		if offer != "" {
			o.Subprotocols = []string{offer}
		}
		ws, resp, err := websocket.Dial(ctx, to(path), o) //nolint:bodyclose // it says that nobody needs to
		answer := ""
		if resp != nil {
			answer = strconv.Itoa(resp.StatusCode)
		}
		if err != nil {
			return nil, answer, err
		}
		ws.SetReadLimit(2 * 128 << 10) // twice what a server sends
		return &Conn{ws}, strings.TrimSpace(answer + " " + ws.Subprotocol()), nil
	}
}

// peer is one WebSocket of a section.
type peer struct {
	role   string
	conn   *Conn
	server *Server
	said   string // last
	closed bool   // it has heard of the end
	echoed bool   // what it says to a room comes to itself too, and only the member's copy is compared
}

func (p *peer) close() { p.conn.Close() }

// directive is a line that is not the text of a message.
var directive = regexp.MustCompile(`^\((?:(binary)|not UTF-8|(\d+) bytes)\) ?(.*)$`)

func (p *peer) say(ctx context.Context, text string) error {
	p.said = text
	kind, body := websocket.MessageText, []byte(text)
	if m := directive.FindStringSubmatch(text); m != nil {
		switch {
		case m[1] != "":
			kind, body = websocket.MessageBinary, []byte(m[3])
		case m[2] != "":
			n, err := strconv.Atoi(m[2])
			if err != nil {
				return err
			}
			body = make([]byte, n)
		default:
			body = []byte("\"\xff\"")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.server.Wait)
	defer cancel()
	if err := p.conn.ws.Write(ctx, kind, body); err != nil && !p.closed {
		return fmt.Errorf("cannot send %s: %w", text, err)
	}
	return nil
}

// hear is the next message. A close reads as "close CODE REASON", and what did not come as what
// went wrong. Messages that a server may send at any time are passed over, unless one is expected.
func (p *peer) hear(ctx context.Context, want string) string {
	for {
		got := p.next(ctx)
		unasked := false
		for _, begin := range []string{`{"type":"` + protocol.TypeHeartbeat + `"`, `{"type":"` + protocol.TypeDraining + `"`, `{"type":"` + protocol.TypeStatus + `","bridge"`} {
			unasked = unasked || strings.HasPrefix(got, begin) && !strings.HasPrefix(want, begin)
		}
		unasked = unasked || p.echoed && strings.HasPrefix(got, `{"type":"`+protocol.TypeMessage+`"`)
		if !unasked {
			return got
		}
	}
}

func (p *peer) next(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, p.server.Wait)
	defer cancel()
	kind, body, err := p.conn.ws.Read(ctx)
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		p.closed = true
		return strings.TrimSpace(fmt.Sprintf("close %d %s", closed.Code, closed.Reason))
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		p.closed = true
		return fmt.Sprintf("nothing within %v", p.server.Wait)
	case err != nil:
		p.closed = true
		return "an end without a close: " + err.Error()
	case kind == websocket.MessageBinary:
		return "(binary) " + string(body)
	}
	if p.server.Heard != nil {
		p.server.Heard(string(body))
	}
	return string(body)
}
