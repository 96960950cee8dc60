package transport

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/proctest"
	"backbone/protocol"
)

// Whose answer has come while the process did not run is not closed. Whose answer has not is.
func TestAFrozenProcessReadsOnceMoreBeforeItGivesUp(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			client, server := net.Pipe()
			slept := &overslept{Conn: server, late: make(chan struct{}, 2)}
			slept.late <- struct{}{}                                     // the deadline that has the client pinged
			slept.late <- struct{}{}                                     // that of the ping
			i.listener.(*pipes).conns <- addressed{slept, "192.0.2.1:1"} //nolint:forcetypeassert // onPipes made it
			p := &peer{Conn: client, t: t}
			p.upgrade(protocol.PathConsume)
			p.want(ws.OpPing, "p")
			elapse(11 * time.Second) // it does not run any more
			if answers {
				go p.Write(masked(ws.OpPong, "p"))
			}
			elapse(time.Minute)
			if answers {
				p.want(ws.OpPing, "p")
				p.raw(masked(ws.OpPong, "p"))
			} else {
				p.closed(protocol.CloseSlowConsumer)
			}
			p.Close()
			i.waitIdle(time.Minute)
		})
	}
}

// address of a server to be frozen, for TestServeToBeFrozen.
const frozenReady = "listens on "

// TestServeToBeFrozen is the process that the next test freezes; by itself it does nothing.
func TestServeToBeFrozen(t *testing.T) {
	if os.Getenv("BACKBONE_TEST_FREEZE") == "" {
		return
	}
	i := onTCP(t, settings{change: func(o *Options) {
		o.Limits.PingInterval, o.Limits.PongTimeout, o.Limits.WriteTimeout = time.Second, time.Second, time.Second
	}})
	os.Stdout.WriteString(frozenReady + i.listener.Addr().String() + "\n")
	<-i.served // killed before
}

// Of many clients that answer their ping while the server is stopped, none is closed.
func TestClientsOfAFrozenProcessStay(t *testing.T) {
	var address string
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeToBeFrozen$")
	cmd.Env = append(os.Environ(), "BACKBONE_TEST_FREEZE=1")
	process, err := proctest.Start(cmd, frozenReady, func(line []byte) {
		if _, at, ok := strings.Cut(string(line), frozenReady); ok {
			address = strings.TrimSpace(at)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Kill()
	var peers []*peer
	for range 100 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p := &peer{Conn: c, t: t, r: bufio.NewReader(c)}
		p.upgrade(protocol.PathConsume)
		peers = append(peers, p)
	}
	for _, p := range peers {
		p.want(ws.OpPing, "p")
	}
	if err := process.Signal(proctest.Freeze); err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		p.raw(masked(ws.OpPong, "p"))
	}
	<-time.After(2500 * time.Millisecond) // longer than the pong time-out
	if err := process.Signal(proctest.Thaw); err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		p.want(ws.OpPing, "p") // and no close frame
	}
}
