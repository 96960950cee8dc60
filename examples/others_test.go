// Package examples_test runs the examples in other languages against servers that refuse them.
package examples_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"backbone/internal/proctest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// example is a program in another language.
type example struct {
	name    string
	command []string // without the URL; none: it does not run here
	ingests bool
	blind   bool // its library does not tell why a handshake was refused
}

// others are the programs. Those run that find what they need, as scripts/clients/examples has it.
func others(t *testing.T) []example {
	t.Helper()
	compiled := t.TempDir()
	java := func(class string) []string {
		if _, err := os.Stat(filepath.Join(compiled, class+".class")); err != nil {
			return nil
		}
		return []string{"java", "-cp", compiled, class}
	}
	_ = works("javac", "-d", compiled, "java/Consumer.java", "java/Ingestor.java") // or there is no Java
	return []example{
		{name: "python consumer", command: python("consumer.py")},
		{name: "python ingestor", command: python("ingestor.py"), ingests: true},
		{name: "node consumer", command: node(t, "consumer.mjs")},
		{name: "node ingestor", command: node(t, "ingestor.mjs"), ingests: true},
		{name: "built-in consumer", command: builtIn(), blind: true},
		{name: "java consumer", command: java("Consumer")},
		{name: "java ingestor", command: java("Ingestor"), ingests: true},
	}
}

func works(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }

func python(program string) []string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if works(name, "-c", "import websockets") {
			return []string{name, filepath.Join("python", program)}
		}
	}
	return nil
}

// node needs the package ws, which "make clients" fetches. An import looks for packages beside the file.
func node(t *testing.T, program string) []string {
	t.Helper()
	dir := t.TempDir()
	modules, err := filepath.Abs(filepath.Join("..", "bin", "clients", "node_modules"))
	if err == nil {
		err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	if err == nil {
		err = os.CopyFS(dir, os.DirFS("node"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "ws")); err != nil || !works("node", "--version") {
		return nil
	}
	return []string{"node", filepath.Join(dir, program)}
}

func builtIn() []string {
	command := []string{"node"}
	for range 2 {
		if works("node", append(command[1:], "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)")...) {
			return append(command, filepath.Join("node", "consumer-builtin.mjs"))
		}
		command = []string{"node", "--experimental-websocket", "--no-warnings"}
	}
	return nil
}

// start starts the program, and returns when it says a text.
func (e *example) start(t *testing.T, s *server, text string) *proctest.Process {
	t.Helper()
	args := slices.Concat(e.command[1:], []string{s.url})
	if !e.ingests {
		args = append(args, "A")
	}
	cmd := exec.CommandContext(t.Context(), e.command[0], args...)
	cmd.Stdin = strings.NewReader("A 1.50\n")
	p, err := proctest.Start(cmd, text, nil)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	t.Cleanup(p.Kill)
	return p
}

// ends checks the exit code.
func (e *example) ends(t *testing.T, p *proctest.Process, want int) {
	t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		t.Fatalf("%s goes on", e.name)
	}
	code := 0
	if exit, failed := errors.AsType[*exec.ExitError](p.Err()); failed {
		code = exit.ExitCode()
	}
	if code != want {
		t.Errorf("%s ended with %d, want %d: %v", e.name, code, want, p.Err())
	}
}

// server answers each connection in its own way, those behind the last as that.
type server struct {
	url  string
	came chan time.Time // of each connection
}

func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{came: make(chan time.Time, 100)}
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.came <- time.Now():
		default: // far too many: those before tell
		}
		answers[min(int(n.Add(1)), len(answers))-1](w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return s
}

func (s *server) next(t *testing.T, e *example) time.Time {
	t.Helper()
	select {
	case at := <-s.came:
		return at
	case <-time.After(patience):
		t.Fatalf("%s does not come", e.name)
		return time.Time{}
	}
}

func refuses(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "says the server", status) }
}

// closes takes a join and then closes the connection, or a price, which it does not ack.
func closes(code protocol.CloseCode, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		talk(w, r, func(ws *websocket.Conn, m *protocol.ClientMessage) bool {
			answer := protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID}
			if m.Type == protocol.TypeJoin {
				_ = ws.Write(r.Context(), websocket.MessageText, answer.Append(nil)) // or it is gone, as below
			}
			_ = ws.Close(websocket.StatusCode(code), reason)
			return false
		})
	}
}

// acks acks prices.
func acks(w http.ResponseWriter, r *http.Request) {
	talk(w, r, func(ws *websocket.Conn, m *protocol.ClientMessage) bool {
		answer := protocol.ServerMessage{Type: protocol.TypeAck, ID: m.ID}
		return m.Type != protocol.TypePriceUpdate || string(m.Price) != "1.50" || ws.Write(r.Context(), websocket.MessageText, answer.Append(nil)) == nil
	})
}

// talk hands on what a client says, until hear is false or it is gone.
func talk(w http.ResponseWriter, r *http.Request, hear func(*websocket.Conn, *protocol.ClientMessage) bool) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return
	}
	defer func() { _ = ws.CloseNow() }()
	for {
		_, b, err := ws.Read(r.Context())
		var m protocol.ClientMessage
		if err != nil || json.Unmarshal(b, &m) != nil || !hear(ws, &m) {
			return
		}
	}
}

// TestOthers has programs refused as docs/clients.md says what they do then.
func TestOthers(t *testing.T) {
	programs := slices.DeleteFunc(others(t), func(e example) bool {
		if e.command == nil {
			t.Logf("no %s: what it needs is not installed", e.name)
		}
		return e.command == nil
	})
	if len(programs) == 0 {
		t.Skip("none can run")
	}
	t.Run("refused", func(t *testing.T) { areRefused(t, programs) })
	t.Run("refused later", func(t *testing.T) { areRefusedLater(t, programs) })
	t.Run("too fast", func(t *testing.T) { areTooFast(t, programs) })
}

// A program whose first connection is refused says why, and ends. The built-in WebSocket does not tell it: it goes on.
func areRefused(t *testing.T, programs []example) {
	for _, e := range programs {
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			s := serve(t, refuses(status))
			if e.blind {
				e.start(t, s, "no connection: connecting again in 0.")
				continue
			}
			e.ends(t, e.start(t, s, strconv.Itoa(status)), 1)
			if n := len(s.came); n != 1 {
				t.Errorf("%s came %d times", e.name, n)
			}
		}
	}
}

// One that was accepted before says so too, and comes back a minute later.
func areRefusedLater(t *testing.T, programs []example) {
	for _, e := range programs {
		if !e.blind {
			e.start(t, serve(t, closes(protocol.CloseRestart, "the server is stopping"), refuses(http.StatusForbidden)), "connecting again in 60.")
		}
	}
}

// One that was closed with 4429 says why, and comes back five seconds later. An ingestor then has its price acked.
func areTooFast(t *testing.T, programs []example) {
	const reason = "too many messages past the rate"
	servers := make([]*server, len(programs))
	processes := make([]*proctest.Process, len(programs))
	for i, e := range programs {
		servers[i] = serve(t, closes(protocol.CloseTooMany, reason), acks)
		processes[i] = e.start(t, servers[i], reason)
	}
	for i, e := range programs {
		first := servers[i].next(t, &e)
		if wait := servers[i].next(t, &e).Sub(first); wait < 5*time.Second {
			t.Errorf("%s comes back after %v", e.name, wait)
		}
		if e.ingests {
			e.ends(t, processes[i], 0)
		}
	}
}
