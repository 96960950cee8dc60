package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
)

// What a lost connection left without an answer is sent again, in order and before anything that is
// read later.
func TestRetrySendsInOrder(t *testing.T) {
	const events, losses = 300, 3
	var connections atomic.Int64
	got := make(chan int, losses*events)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		last := connections.Add(1) > losses
		for n := 0; last || n < 20; n++ { // then the connection is lost, and only half of them were answered
			_, text, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			var m struct {
				Type string `json:"type"`
				TS   int    `json:"ts"`
				ID   string `json:"id"`
			}
			if err := json.Unmarshal(text, &m); err != nil {
				t.Error(err)
			}
			if !last && n >= 10 {
				continue
			}
			if m.Type == "price_update" { // and no ping
				got <- m.TS
			}
			if ws.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `{"type":"ack","id":%q}`, m.ID)) != nil {
				return
			}
		}
	}))
	defer server.Close()
	var lines, said strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, `{"type":"price_update","instrument":"A","price":1,"ts":%d}`+"\n", i)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: strings.NewReader(lines.String()), Out: io.Discard, Err: &said},
		"--ack", "--retry", "--url", "ws"+strings.TrimPrefix(server.URL, "http"))
	if code != cli.ExitDone || !regexp.MustCompile(`\nsent 300, acked 300, sent again [\d,]+, rejected 0 in `).MatchString(said.String()) {
		t.Errorf("exit code %d, said %s", code, &said)
	}
	close(got)
	last, place := map[int]int{}, 0 // the place of each where it came last
	for ts := range got {
		last[ts] = place
		place++
	}
	for ts := range events {
		if _, came := last[ts]; !came || ts > 0 && last[ts] < last[ts-1] {
			t.Fatalf("%d came: %v; last at place %d, and the one before it at %d", ts, came, last[ts], last[ts-1])
		}
	}
}

// What cannot be sent again is counted as lost, with its line.
func TestRetryGivesUp(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if connections.Add(1) > 1 {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, _, _ = ws.Read(context.Background()) // one event; then the connection is lost
		_ = ws.CloseNow()
	}))
	defer server.Close()
	var said strings.Builder
	code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(`{"type":"price_update","instrument":"A","price":1,"ts":1}`), Out: io.Discard, Err: &said},
		"--ack", "--retry", "--connect-timeout=2s", "--url", "ws"+strings.TrimPrefix(server.URL, "http"))
	if code != cli.ExitRejected || !strings.Contains(said.String(), "\nline 1: ") || !strings.Contains(said.String(), "acked 0") {
		t.Errorf("exit code %d, said %s", code, &said)
	}
}
