package client

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/protocol"
)

// server accepts connections and leaves it to the test what each of them says.
type server struct {
	t        *testing.T
	url      string
	accepted chan *peer
	refuse   chan http.HandlerFunc // answers one handshake each, instead of accepting
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// newServer listens on loopback.
func newServer(t *testing.T) *server {
	s := &server{t: t, accepted: make(chan *peer, 16), refuse: make(chan http.HandlerFunc, 16)}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return s
}

// newPipeServer is reached through net.Pipe alone, for fake time.
func newPipeServer(t *testing.T) *server {
	s := &server{t: t, url: "ws://pipe", accepted: make(chan *peer, 16), refuse: make(chan http.HandlerFunc, 16)}
	l := pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: s}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(l) // ends with Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case l.conns <- far:
			return near, nil
		case <-l.closed:
			return nil, errors.New("connection refused")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case answer := <-s.refuse:
		answer(w, r)
		return
	default:
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		s.t.Error(err)
		return
	}
	s.accepted <- &peer{t: s.t, ws: ws, req: r}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.Error(w, "says the server", code)
	}
}

// accept returns the next connection.
func (s *server) accept() *peer {
	s.t.Helper()
	select {
	case p := <-s.accepted:
		s.t.Cleanup(func() { p.kill() })
		return p
	case <-time.After(patience):
		s.t.Fatal("the client did not connect")
		return nil
	}
}

// patience is how long a test waits for what must happen. Fake time runs through it at once.
const patience = 2 * time.Minute

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// peer is the server's end of a connection. It reads only when the test does.
type peer struct {
	t   *testing.T
	ws  *websocket.Conn
	req *http.Request
}

func (p *peer) readText() string {
	p.t.Helper()
	_, b, err := p.ws.Read(patient(p.t))
	if err != nil {
		p.t.Fatalf("server: %v", err)
	}
	return string(b)
}

func (p *peer) read() (m protocol.ClientMessage) {
	p.t.Helper()
	text := p.readText()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		p.t.Fatalf("server got %q: %v", text, err)
	}
	return m
}

// expect reads one message, which must have this type.
func (p *peer) expect(typ string) protocol.ClientMessage {
	p.t.Helper()
	m := p.read()
	if m.Type != typ {
		p.t.Fatalf("server got %+v, want a %s", m, typ)
	}
	return m
}

func (p *peer) write(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if err := p.ws.Write(patient(p.t), websocket.MessageText, []byte(text)); err != nil {
			p.t.Fatalf("server: %v", err)
		}
	}
}

func (p *peer) answer(m protocol.ServerMessage) {
	p.t.Helper()
	p.write(string(m.Append(nil)))
}

// join answers a join of the client.
func (p *peer) join() protocol.ClientMessage {
	p.t.Helper()
	m := p.expect(protocol.TypeJoin)
	p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
	return m
}

// pong answers a ping of the client.
func (p *peer) pong() {
	p.t.Helper()
	p.write(pongTo(p.expect(protocol.TypePing).ID))
}

func pongTo(id string) string { return `{"type":"pong","id":"` + id + `","ts":1}` }

// kill breaks the connection, close ends it in order. The client may have been first.
func (p *peer) kill()                                          { _ = p.ws.CloseNow() }
func (p *peer) close(code websocket.StatusCode, reason string) { _ = p.ws.Close(code, reason) }

// requests is what the client asks until it is gone.
func (p *peer) requests(yield func(protocol.ClientMessage) bool) {
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			return
		}
		var m protocol.ClientMessage
		if err := json.Unmarshal(b, &m); err != nil {
			p.t.Errorf("server got %q: %v", b, err)
		}
		if !yield(m) {
			return
		}
	}
}

// tell answers, or the client is gone.
func (p *peer) tell(m protocol.ServerMessage) {
	_ = p.ws.Write(context.Background(), websocket.MessageText, m.Append(nil))
}

// untilGone reads and drops until the client is gone.
func (p *peer) untilGone() error {
	for {
		if _, _, err := p.ws.Read(context.Background()); err != nil {
			return err
		}
	}
}

// async runs f beside the test, which waits for it at its end.
func async(t *testing.T, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	t.Cleanup(func() { <-done })
}

// consumer connects a Conn and returns both ends.
func (s *server) consumer(o ConnOptions) (*Conn, *peer) {
	s.t.Helper()
	o.DialContext = s.dial
	c, err := Dial(s.t.Context(), s.url, &o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	context.AfterFunc(s.t.Context(), func() { c.s.stop(ErrClosed) }) // before what async waits for
	p := s.accept()
	expectEvent(s.t, c, Connected{})
	return c, p
}

func (s *server) ingestor(o IngestorOptions) (*Ingestor, *peer) {
	s.t.Helper()
	o.DialContext = s.dial
	in, err := DialIngestor(s.t.Context(), s.url, &o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { in.s.close() })
	context.AfterFunc(s.t.Context(), func() { in.s.stop(ErrClosed) })
	return in, s.accept()
}

func nextEvent(t *testing.T, c *Conn) Event {
	t.Helper()
	select {
	case ev, ok := <-c.Events():
		if !ok {
			t.Fatalf("the events ended: %v", c.Err())
		}
		return ev
	case <-time.After(patience):
		t.Fatal("no event came")
		return nil
	}
}

func expectEvent(t *testing.T, c *Conn, want Event) {
	t.Helper()
	if got := nextEvent(t, c); !equal(got, want) {
		t.Fatalf("event %#v, want %#v", got, want)
	}
}

func expectDisconnected(t *testing.T, c *Conn) Disconnected {
	t.Helper()
	ev := nextEvent(t, c)
	d, ok := ev.(Disconnected)
	if !ok {
		t.Fatalf("event %#v, want Disconnected", ev)
	}
	return d
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y) && sameType(a, b)
}
