package docs_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/conformance"
	"backbone/protocol"
)

// TestProtocolExamples plays every example of protocol.md against a server. The blocks
// of one section share a server, a consumer and an ingestor; flags behind the role in
// the first block's info string are those of the server.
func TestProtocolExamples(t *testing.T) {
	traffic := newTraffic(t)
	examples, err := conformance.Page("protocol.md", read(t, "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range examples {
		t.Run(section.Title, func(t *testing.T) { play(t, section, traffic) })
	}
	if len(examples) < 15 {
		t.Errorf("found only %d sections with examples: are they marked as such?", len(examples))
	}
	traffic.playRare(t)
	t.Run("every key has come", traffic.complete)
}

// play plays a section on a server of its own.
func play(t *testing.T, section conformance.Section, heard *traffic) {
	t.Helper()
	url := "ws://" + startServer(t, section.Flags()...).Addr().String()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	s := conformance.Server{
		Dial: conformance.NewDial(&http.Client{Transport: transport}, func(path string) string { return url + path },
			func(string) (http.Header, error) { return http.Header{}, nil }),
		Texts: true, Wait: 10 * time.Second,
		Heard: func(message string) { heard.hear(t, message) },
	}
	if err := s.Play(t.Context(), section); err != nil {
		t.Error(err)
	}
}

// TestProtocolMessages reads the messages that no example can provoke at will.
func TestProtocolMessages(t *testing.T) {
	for _, section := range sections(t, "protocol.md") {
		for _, b := range section.Blocks("json") {
			for _, line := range b.Lines {
				var server protocol.ServerMessage
				if err := json.Unmarshal([]byte(line), &server); err != nil {
					t.Errorf("%s: %v", line, err)
				} else if got := string(server.Append(nil)); got != line {
					t.Errorf("the page has %s\na server writes %s", line, got)
				}
			}
		}
	}
}

// TestProtocolNamesAllCodes compares the page, and protocol.Codes, with the constants of
// package protocol.
func TestProtocolNamesAllCodes(t *testing.T) {
	source := read(t, filepath.Join("..", "protocol", "protocol.go"))
	page := read(t, "protocol.md")
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^\t(?:Code\w+ +Code += "(\w+)"|Close\w+ +CloseCode += (\d+))`).FindAllStringSubmatch(source, -1) {
		n++
		if code := m[1] + m[2]; !strings.Contains(page, "\n| `"+code+"` |") {
			t.Errorf("the page has no row for %s", code)
		}
		if m[1] != "" && !slices.Contains(protocol.Codes(), protocol.Code(m[1])) {
			t.Errorf("protocol.Codes lacks %s", m[1])
		}
	}
	if n < 20 {
		t.Errorf("found only %d codes", n)
	}
}

// TestProtocolListsAllMessages compares the page's two tables of messages with the types and
// keys of package protocol.
func TestProtocolListsAllMessages(t *testing.T) {
	both := ""
	for heading, message := range map[string]any{
		"from a client":   protocol.ClientMessage{},
		"from the server": protocol.ServerMessage{},
	} {
		_, table, _ := strings.Cut(read(t, "protocol.md"), "\n### Messages "+heading+"\n")
		table, _, _ = strings.Cut(table, "\n#")
		both += table
		for i, typ := 0, reflect.TypeOf(message); i < typ.NumField(); i++ {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(table, "`"+key+"`") {
				t.Errorf("the table of messages %s does not have the key %s", heading, key)
			}
		}
	}
	source := read(t, filepath.Join("..", "protocol", "protocol.go"))
	types := regexp.MustCompile(`(?m)^\tType\w+ += "(\w+)"`).FindAllStringSubmatch(source, -1)
	for _, m := range types {
		if !strings.Contains(both, "\n| `"+m[1]+"` |") && !strings.Contains(both, "\n| [`"+m[1]+"`](#"+m[1]+") |") {
			t.Errorf("no table has a row for %s", m[1])
		}
	}
	if len(types) < 12 {
		t.Errorf("found only %d types", len(types))
	}
}

// TestProtocolCloseReasons provokes each close by the server and compares its reason.
func TestProtocolCloseReasons(t *testing.T) {
	frame := func(f ws.Frame) func(*peer) { return func(c *peer) { c.frame(f) } }
	for code, c := range map[protocol.CloseCode]struct {
		provoke func(*peer)
		flags   []string
	}{
		protocol.CloseNormal:          {provoke: frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))},
		protocol.CloseProtocolError:   {provoke: func(c *peer) { c.raw(ws.NewTextFrame([]byte("{}"))) }},
		protocol.CloseUnsupportedData: {provoke: frame(ws.NewBinaryFrame([]byte("{}")))},
		protocol.CloseInvalidData:     {provoke: frame(ws.NewTextFrame([]byte("\xff")))},
		protocol.CloseTooBig:          {provoke: frame(ws.NewTextFrame(make([]byte, protocol.MaxMessageBytes+1)))},
		protocol.CloseSlowConsumer:    {provoke: func(*peer) {}, flags: []string{"--ping-interval=1ms", "--pong-timeout=1ms"}},
		protocol.CloseTooMany:         {provoke: frame(ws.NewTextFrame([]byte("x"))), flags: []string{"--max-bad-messages=1"}},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			p := dial(t, startServer(t, c.flags...).Addr().String(), protocol.PathConsume)
			c.provoke(p)
			for {
				f := p.next()
				if f.Header.OpCode != ws.OpClose {
					continue
				}
				got, reason := ws.ParseCloseFrameData(f.Payload)
				row := fmt.Sprintf("\n| `%d` | `%s` |", code, reason)
				if int(got) != int(code) || !strings.Contains(read(t, "protocol.md"), row) {
					t.Errorf("closed with %d %q, and no row of the page begins %q", got, reason, row)
				}
				return
			}
		})
	}
}

// TestProtocolRefusals provokes each refused handshake and compares its body.
func TestProtocolRefusals(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("feed:0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	upgrade := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	with := func(key, value string) http.Header {
		h := upgrade.Clone()
		h.Set(key, value)
		return h
	}
	for name, c := range map[string]struct {
		path   string
		header http.Header
		flags  []string
		taken  bool // by an open connection
		status int
	}{
		"no WebSocket": {path: "/ws", header: http.Header{}, status: 400},
		"no key":       {path: "/ws/ingest", header: upgrade, flags: []string{"--ingest-keys-file", keys}, status: 401},
		"wrong key":    {path: "/ws/ingest", header: with("X-API-Key", "guess"), flags: []string{"--ingest-keys-file", keys}, status: 401},
		"origin":       {path: "/ws", header: with("Origin", "https://other.example"), status: 403},
		"path":         {path: "/", header: upgrade, status: 404},
		"version":      {path: "/ws", header: with("Sec-WebSocket-Version", "12"), status: 426},
		"address":      {path: "/ws", header: upgrade, flags: []string{"--max-connections-per-address=1"}, taken: true, status: 429},
		"full":         {path: "/ws", header: upgrade, flags: []string{"--max-connections=1"}, taken: true, status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			address := startServer(t, c.flags...).Addr().String()
			if c.taken {
				dial(t, address, protocol.PathConsume)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = c.header.Clone()
			client := &http.Transport{}
			defer client.CloseIdleConnections()
			resp, err := client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			row := fmt.Sprintf("\n| `%d` | `%s` |", c.status, strings.TrimSpace(string(body)))
			if resp.StatusCode != c.status || !strings.Contains(read(t, "protocol.md"), row) {
				t.Errorf("answered %d, and no row of the page begins %q", resp.StatusCode, row)
			}
			if retry := resp.Header.Get("Retry-After") != ""; retry != (c.status == 429 || c.status == 503) {
				t.Errorf("status %d: Retry-After %q", c.status, resp.Header.Get("Retry-After"))
			}
		})
	}
}

// peer is one WebSocket of a test.
type peer struct {
	t    *testing.T
	conn net.Conn
	from io.Reader

	traffic *traffic // nil: nobody else hears
}

func dial(t *testing.T, address, path string) *peer {
	t.Helper()
	return dialOffering(t, address, path, "")
}

// dialOffering connects with a subprotocol; it may be empty.
func dialOffering(t *testing.T, address, path, offer string) *peer {
	t.Helper()
	dialer := ws.Dialer{}
	if offer != "" {
		dialer.Protocols = []string{protocol.Subprotocol, offer}
	}
	conn, ahead, _, err := dialer.Dial(t.Context(), "ws://"+address+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{t: t, conn: conn, from: conn}
	if ahead != nil {
		p.from = io.MultiReader(io.LimitReader(ahead, int64(ahead.Buffered())), conn)
	}
	return p
}

func (p *peer) say(text string) { p.t.Helper(); p.frame(ws.NewTextFrame([]byte(text))) }

func (p *peer) frame(f ws.Frame) { p.t.Helper(); p.raw(ws.MaskFrame(f)) }

func (p *peer) raw(f ws.Frame) {
	p.t.Helper()
	if err := ws.WriteFrame(p.conn, f); err != nil {
		p.t.Fatal(err)
	}
}

// next is the next frame, of any kind.
func (p *peer) next() ws.Frame {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	header, err := ws.ReadHeader(p.from)
	if err != nil {
		p.t.Fatal(err)
	}
	f := ws.Frame{Header: header, Payload: make([]byte, header.Length)}
	if _, err := io.ReadFull(p.from, f.Payload); err != nil {
		p.t.Fatal(err)
	}
	return f
}

// hear is the next message. A close reads as "close CODE REASON".
func (p *peer) hear() string {
	p.t.Helper()
	f := p.next()
	for f.Header.OpCode == ws.OpPing { // a mark, which a library answers by itself
		p.frame(ws.NewPongFrame(f.Payload))
		f = p.next()
	}
	if f.Header.OpCode == ws.OpClose {
		return fmt.Sprintf("close %d %s", binary.BigEndian.Uint16(f.Payload), f.Payload[2:])
	}
	if f.Header.OpCode != ws.OpText {
		p.t.Fatalf("a frame of kind %d came", f.Header.OpCode)
	}
	p.traffic.hear(p.t, string(f.Payload))
	return string(f.Payload)
}
