package publish

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARateThatNothingCanKeepIsRefused(t *testing.T) {
	for _, rate := range []float64{math.NaN(), math.Inf(1), -1, 1e-9, 1e10} {
		if err := (&Cmd{Rate: rate}).Validate(); err == nil || !strings.HasPrefix(err.Error(), "--rate ") {
			t.Errorf("%v: %v, want an error that names the flag", rate, err)
		}
	}
}

// What was never written is not called sent once the server is gone for good, and the end says why it is.
func TestPublishTellsWhatItCouldNotSend(t *testing.T) {
	const noWayBack = `backbone: the connection was lost and did not come back within 3s \(the server answered 503 Service Unavailable: stopping\): not everything was published`
	for name, c := range map[string]struct {
		flags     []string
		status    int // of the server when it is gone
		interrupt bool
		want      string
		code      int
	}{
		"acked": {[]string{"--ack"}, 503, false, `^connection lost: .*: trying to connect again
line 2: not sent: the connection was lost and did not come back
sent 1, acked 1, rejected 0 in .*
` + noWayBack, cli.ExitRejected},
		"not acked": {nil, 503, false, `^connection lost: .*: events sent before may be lost \(--ack tells which\)
sent at most 1, rejected 0 in .*
` + noWayBack, cli.ExitRejected},
		"refused": {nil, 401, false, `^connection lost: .*
sent at most 1, rejected 0 in .*
backbone: ws://127.0.0.1:\d+ refuses without a valid key or token: set --api-key-file or BACKBONE_API_KEY, or --token-file or BACKBONE_TOKEN`, cli.ExitRefused},
		"forbidden": {[]string{"--ack"}, 403, false, `\nbackbone: ws://127.0.0.1:\d+ refuses: the server answered 403 Forbidden: stopping`, cli.ExitRefused},
		"interrupted": {[]string{"--outage=newest", "--connect-timeout=1m"}, 503, true, `^connection lost: .*
interrupted: .*
sent at most [\d,]+, rejected 0 in .*
backbone: events were lost, or may be`, cli.ExitRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{}) // closed once the program knows that the connection is
			var attempts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n := attempts.Add(1); n > 1 {
					http.Error(w, "stopping", c.status)
					if n == 2 {
						close(gone)
					}
					return
				}
				ws, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, _, err := ws.Read(context.Background()); err != nil {
					t.Error(err)
				}
				if slices.Contains(c.flags, "--ack") {
					_ = ws.Write(context.Background(), websocket.MessageText, []byte(`{"type":"ack","id":"1"}`)) // its lack shows
				}
				_ = ws.CloseNow() // fails where the client was first
			}))
			defer server.Close()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			in, typed := io.Pipe()
			go func() {
				const line = `{"type":"price_update","instrument":"A","price":1,"ts":1}` + "\n"
				_, _ = io.WriteString(typed, line)
				<-gone
				_, _ = io.WriteString(typed, line)
				if c.interrupt {
					for i := range 1000 {
						_, _ = io.WriteString(typed, strings.Replace(line, "A", fmt.Sprint("A", i), 1))
					}
					interrupt()
				}
				_ = typed.Close()
			}()
			said := make(lines, 100)
			args := append([]string{"--url", "ws" + strings.TrimPrefix(server.URL, "http"), "--connect-timeout=3s"}, c.flags...)
			code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: said}, args...)
			close(said)
			var all strings.Builder
			for line := range said {
				_, _ = fmt.Fprintln(&all, line)
			}
			if code != c.code || !regexp.MustCompile(c.want+"\n$").MatchString(all.String()) {
				t.Errorf("exit code %d, said\n%swant\n%s", code, &all, c.want)
			}
		})
	}
}
