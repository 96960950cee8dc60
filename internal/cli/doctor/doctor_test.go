package doctor

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/config"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// examined is what the doctor found, by check, and how it ended.
type examined struct {
	found map[string]finding
	order string
	code  int
	said  string
}

func examine(t *testing.T, url string, args ...string) examined {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var out, said strings.Builder
	streams := cli.Streams{Out: &out, Err: &said}
	e := examined{found: map[string]finding{}, code: clitest.Run(ctx, t, &Cmd{}, streams, append([]string{url, "--json"}, args...)...)}
	for line := range strings.Lines(out.String()) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if f.State != fine && f.Todo == "" {
			t.Errorf("%s: nothing says what to do", line)
		}
		e.found[f.Check] = f
		e.order += f.Check + " "
	}
	e.said = said.String()
	return e
}

// expect checks one finding, which the doctor says in these words, and the exit code for it.
func (e examined) expect(t *testing.T, check string, s state, words string) {
	t.Helper()
	f := e.found[check]
	if f.State != s || !strings.Contains(f.Text+": "+f.Todo, words) {
		t.Errorf("%s: %+v, want %s with %q (%s%s)", check, f, s, words, e.order, e.said)
	}
	if want := map[bool]int{true: cli.ExitFailed, false: cli.ExitDone}[strings.Contains(e.said, "backbone: ")]; e.code != want {
		t.Errorf("exit code %d after %q, want %d", e.code, e.said, want)
	}
	if s == broken && e.code != cli.ExitFailed {
		t.Errorf("exit code %d after a check that failed", e.code)
	}
}

func keys(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAllIsWell(t *testing.T) {
	server := servertest.Start(t, func(c *config.Serve) { c.PingInterval, c.MaxConnections = 20*time.Millisecond, 100 })
	e := examine(t, server.URL(), "--admin-url", "http://"+server.AdminAddr().String(), "--idle", "1s")
	if e.code != cli.ExitDone || !strings.Contains(e.said, "all is well") {
		t.Errorf("exit code %d, %s", e.code, e.said)
	}
	if want := "tcp websocket credentials ready redis messages clock pings close idle instance "; e.order != want {
		t.Errorf("the checks are %s, want %s", e.order, want)
	}
	for _, f := range e.found {
		if f.State != fine {
			t.Errorf("%+v", f)
		}
	}
	e.expect(t, "idle", fine, "pings of the server that came: ")
	e.expect(t, "instance", fine, "10000 rooms for each consumer")
	e.expect(t, "instance", fine, "% of connections used")
	e.expect(t, "credentials", fine, "asks for none")
}

func TestNothingIsReached(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	examine(t, "ws://"+closed.Addr().String()).expect(t, "tcp", broken, "refuses connections: nothing listens there: start \"backbone serve\" there")
	examine(t, "ws://backbone..invalid").expect(t, "name", broken, "backbone..invalid has no address: no such host: check how it is spelled")

	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangs.Close() // nobody accepts, and the kernel does
	examine(t, "ws://"+hangs.Addr().String(), "--connect-timeout", "1s").expect(t, "websocket", broken, "no answer to the handshake within 1s")
	examine(t, "wss://"+hangs.Addr().String(), "--connect-timeout", "1s").expect(t, "tls", broken, "answers no TLS handshake")
}

func TestWhatListensIsNoBackbone(t *testing.T) {
	for _, c := range []struct {
		status int
		words  string
	}{
		{200, "what listens there is no backbone"},
		{301, "what listens there is no backbone"},
		{404, "no backbone is under this URL"},
		{426, "does not pass the WebSocket handshake on"},
		{502, "cannot reach an instance"},
		{503, "takes no client now"},
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", "nginx")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "a\npage")
		}))
		e := examine(t, web.URL)
		e.expect(t, "websocket", broken, c.words)
		e.expect(t, "websocket", broken, `"a page" (nginx)`)
		web.Close()
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := websocket.Accept(w, r, nil); err == nil {
			_ = ws.CloseNow()
		}
	}))
	defer other.Close()
	examine(t, other.URL).expect(t, "websocket", broken, "does not speak backbone.v1")
	examine(t, strings.Replace(other.URL, "http", "wss", 1)).expect(t, "tls", broken, "answers, but not with TLS: begin the URL with ws://")
}

func TestThePathIsWrong(t *testing.T) {
	server := servertest.Start(t)
	examine(t, server.URL()+"/prices").expect(t, "websocket", broken, "leave the path of the URL out")
	examine(t, "ws://"+server.AdminAddr().String()).expect(t, "websocket", broken, "is this its --admin-listen?")
	prefixed := servertest.Start(t, func(c *config.Serve) { c.PathPrefix = "/prices" })
	examine(t, prefixed.URL()).expect(t, "websocket", fine, "/prices/ws opens")
}

func TestCredentials(t *testing.T) {
	const publisher, consumer = "a-publisher-of-the-test", "a-consumer-of-the-test"
	for _, c := range []struct {
		asks, key, words string
		state            state
	}{
		{"ingest", "", "may consume without any; publishing is not allowed: 401", fine},
		{"ingest", publisher, "accepted: may consume and publish", fine},
		{"ingest", "a-wrong-key-of-the-test", "not accepted for publishing", broken},
		{"both", "", "the server asks for some: 401", broken},
		{"both", publisher, "accepted: may publish; consuming is not allowed: 401", fine},
		{"both", consumer, "accepted: may consume; publishing is not allowed: 401", fine},
		{"both", "a-wrong-key-of-the-test", "not accepted: 401", broken},
		{"both", "name:" + consumer, "give only the part behind the colon", broken},
	} {
		server := servertest.Start(t, func(s *config.Serve) {
			s.IngestKeysFile = keys(t, "feed:"+publisher+"\n")
			if c.asks == "both" {
				s.ConsumerKeysFile = keys(t, "screen:"+consumer+"\n")
			}
		})
		t.Setenv(cli.APIKeyVariable, c.key)
		e := examine(t, server.URL())
		e.expect(t, "credentials", c.state, c.words)
		if c.state == fine {
			e.expect(t, "close", fine, "passed on")
		}
	}
}

func TestRedisIsGone(t *testing.T) {
	server := servertest.Start(t, func(c *config.Serve) { c.RedisURL = "redis://127.0.0.1:1" })
	for range 100 {
		e := examine(t, server.URL())
		if strings.Contains(e.found["redis"].Text, "unreachable") { // it is "connecting" without a cause at first
			e.expect(t, "redis", broken, "is Redis up, and does a firewall let the instance reach it?")
			return
		}
		e.expect(t, "redis", broken, "the instance says connecting")
	}
	t.Error("the cause is never told")
}

func TestWhatAnInstanceSays(t *testing.T) {
	server := servertest.Start(t)
	behind, err := url.Parse(strings.Replace(server.URL(), "ws", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body, check, words string
		state              state
	}{
		{`{"status":"draining","bridge":"off"}`, "ready", "it stops or restarts", doubt},
		{`{"status":"ready","bridge":"ok","since_ms":1}`, "redis", "connected for ", fine},
		{`{"status":"ready","bridge":"degraded","since_ms":1,"shards":[{"name":"a:6379","cause":"memory"}]}`, "redis", "; a:6379: memory: prices of other instances do not come: Redis is full", broken},
		{`{"status":"ready","bridge":"degraded","upstream":"away"}`, "upstream", "the edge has lost its upstream", broken},
		{`{"status":"ready","bridge":"degraded","upstream":"connected"}`, "upstream", "ask the doctor about that instance", broken},
		{`{"status":"ready","bridge":"ok","upstream":"connected"}`, "upstream", "connected", fine},
		{`<html>`, "ready", "does not say how the instance is: the answer is 200 OK", doubt},
	} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				_, _ = io.WriteString(w, c.body)
				return
			}
			httputil.NewSingleHostReverseProxy(behind).ServeHTTP(w, r)
		}))
		examine(t, proxy.URL).expect(t, c.check, c.state, c.words)
		proxy.Close()
	}
}

func TestTheAdminAddress(t *testing.T) {
	server := servertest.Start(t)
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "# TYPE backbone_build_info gauge\nbackbone_build_info{version=\"7\"} 1\n# TYPE backbone_limit gauge\nbackbone_limit{limit=\"connections\"} 10\n# TYPE backbone_limit_used gauge\nbackbone_limit_used{limit=\"connections\"} 9\n")
	}))
	defer admin.Close()
	examine(t, server.URL(), "--admin-url", admin.URL).expect(t, "instance", doubt, "version 7, 0 rooms for each consumer, 90% of connections used: raise the limit (--max-connections")
	examine(t, server.URL(), "--admin-url", "http://127.0.0.1:1").expect(t, "instance", broken, "the admin address does not answer")
	examine(t, server.URL(), "--admin-url", strings.Replace(server.URL(), "ws", "http", 1)).expect(t, "instance", broken, "answers 404")
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"--idle=-1s"}, {"--admin-token-file", "x"}, {"--admin-url", "x"}} {
		if e := examine(t, "ws://127.0.0.1:1", args...); e.code != cli.ExitUsage {
			t.Errorf("%s: exit code %d", args, e.code)
		}
	}
}
