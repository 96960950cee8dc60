package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"backbone/internal/cli"
)

// What was never written is not called sent once the server is gone for good.
func TestPublishTellsWhatItCouldNotSend(t *testing.T) {
	const line = `{"type":"price_update","instrument":"A","price":1,"ts":1}` + "\n"
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--ack"}, `^line 2: not sent: the connection was lost and did not come back
sent 1, acked 1, rejected 0 in .*
backbone: the connection was lost and did not come back within 1s: not all was published
$`},
		{nil, `^connection lost: .*: events sent before may be lost \(--ack tells which\)
sent at most 2, rejected 0 in .*
backbone: the connection was lost and did not come back within 1s: not all was published
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
		var said bytes.Buffer // written to by the reporter, then by who waited for it
		args := append([]string{"publish", "--url", "ws" + strings.TrimPrefix(server.URL, "http"), "--connect-timeout=1s"}, c.flags...)
		code := run(t.Context(), args, cli.Streams{In: in, Out: io.Discard, Err: &said})
		if code != cli.ExitRejected || !regexp.MustCompile(c.want).Match(said.Bytes()) {
			t.Errorf("%v: exit code %d, said\n%swant\n%s", c.flags, code, &said, c.want)
		}
		server.Close()
	}
}
