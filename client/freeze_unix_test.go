//go:build unix

package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/proctest"
	"backbone/protocol"
)

// What the process that is frozen does with its connections.
const (
	frozenConns   = 20
	frozenTimeout = 5 * time.Second // of a handshake, and of a ping: long enough for a busy machine to get to all
	frozenReady   = "dialling"
)

// TestConnsToBeFrozen is the process that the next test freezes; by itself it does nothing.
func TestConnsToBeFrozen(t *testing.T) {
	url := os.Getenv("BACKBONE_TEST_FREEZE")
	if url == "" {
		return
	}
	fmt.Println(frozenReady)
	for range frozenConns {
		async(t, func() {
			c, err := Dial(context.Background(), url, &ConnOptions{Options: Options{
				DialTimeout: frozenTimeout, IdleTimeout: 100 * time.Millisecond, PingTimeout: frozenTimeout,
			}})
			if err != nil {
				fmt.Println("failed:", err)
				return
			}
			for ev := range c.Events() {
				if down, ok := ev.(Disconnected); ok {
					fmt.Println("failed:", down.Err)
				}
			}
		})
	}
}

// A program that was stopped while handshakes and signs of life were under way finds them in the
// kernel when it goes on.
func TestAFrozenProgramReadsOnceMoreBeforeItGivesUp(t *testing.T) {
	asked, pinged := make(chan struct{}, frozenConns), make(chan *websocket.Conn, frozenConns)
	answer, silent := make(chan struct{}), new(atomic.Bool)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-answer
		var ws *websocket.Conn
		var told atomic.Bool
		ready := make(chan struct{})
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols: []string{protocol.Subprotocol},
			OnPingReceived: func(context.Context, []byte) bool {
				<-ready
				unanswered := silent.Load() // once, or a ping could be neither answered nor told
				if unanswered && !told.Swap(true) {
					pinged <- ws
				}
				return !unanswered
			},
		})
		if err != nil {
			t.Error(err)
			return
		}
		close(ready)
		defer ws.CloseNow()
		if _, _, err := ws.Read(context.Background()); err == nil {
			t.Error("the client sent something")
		}
	}))
	defer srv.Close()
	failed := make(chan string, 2*frozenConns)
	cmd := exec.Command(os.Args[0], "-test.run=^TestConnsToBeFrozen$")
	cmd.Env = append(os.Environ(), "BACKBONE_TEST_FREEZE=ws"+strings.TrimPrefix(srv.URL, "http"))
	process, err := proctest.Start(cmd, frozenReady, func(line []byte) {
		if strings.HasPrefix(string(line), "failed:") {
			failed <- string(line)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Kill()

	// frozen freezes the program until its time-outs are over, while f does what it waits for.
	frozen := func(f func()) {
		t.Helper()
		if err := process.Signal(proctest.Freeze); err != nil {
			t.Fatal(err)
		}
		f()
		<-time.After(frozenTimeout + 200*time.Millisecond)
		if err := process.Signal(proctest.Thaw); err != nil {
			t.Fatal(err)
		}
	}
	next := func(what string, from <-chan struct{}) {
		t.Helper()
		select {
		case <-from:
		case line := <-failed:
			t.Fatal(line)
		case <-time.After(patience):
			t.Fatal(what)
		}
	}
	for range frozenConns {
		next("no handshake came", asked)
	}
	frozen(func() { close(answer) })

	silent.Store(true)
	var conns []*websocket.Conn
	for range frozenConns {
		select {
		case ws := <-pinged:
			conns = append(conns, ws)
		case line := <-failed:
			t.Fatal(line)
		case <-time.After(patience):
			t.Fatal("no ping came")
		}
	}
	frozen(func() {
		silent.Store(false)
		for _, ws := range conns {
			if err := ws.Write(patient(t), websocket.MessageText, []byte(price("A", "1", 1))); err != nil {
				t.Error(err)
			}
		}
	})
	for _, ws := range conns { // each reads on
		if err := ws.Ping(patient(t)); err != nil {
			t.Error(err)
		}
	}
	select {
	case line := <-failed:
		t.Error(line)
	default:
	}
}
