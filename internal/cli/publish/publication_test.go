package publish

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
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

// What was never written is not called sent once the server is gone for good.
func TestPublishTellsWhatItCouldNotSend(t *testing.T) {
	const line = `{"type":"price_update","instrument":"A","price":1,"ts":1}` + "\n"
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--ack"}, `^line 2: not sent: the connection was lost and did not come back
sent 1, acked 1, rejected 0 in .*
backbone: the connection was lost and did not come back within 1s: not everything was published
$`},
		{nil, `^connection lost: .*: events sent before may be lost \(--ack tells which\)
sent at most 1, rejected 0 in .*
backbone: the connection was lost and did not come back within 1s: not everything was published
$`},
	} {
		gone := make(chan struct{}) // closed once the program knows that the connection is
		var attempts atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n := attempts.Add(1); n > 1 {
				http.Error(w, "stopping", http.StatusServiceUnavailable)
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
			if c.flags != nil {
				_ = ws.Write(context.Background(), websocket.MessageText, []byte(`{"type":"ack","id":"1"}`)) // its lack shows
			}
			_ = ws.CloseNow() // fails where the client was first
		}))
		in, typed := io.Pipe()
		go func() {
			_, _ = io.WriteString(typed, line)
			<-gone
			_, _ = io.WriteString(typed, line)
			_ = typed.Close()
		}()
		var said bytes.Buffer // written to by the reporter, then by the goroutine that waited for it
		args := append([]string{"--url", "ws" + strings.TrimPrefix(server.URL, "http"), "--connect-timeout=1s"}, c.flags...)
		code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, args...)
		if code != cli.ExitRejected || !regexp.MustCompile(c.want).Match(said.Bytes()) {
			t.Errorf("%v: exit code %d, said\n%swant\n%s", c.flags, code, &said, c.want)
		}
		server.Close()
	}
}
