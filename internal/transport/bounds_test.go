package transport

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/internal/oldest"
	"backbone/internal/rates"
	"backbone/protocol"
)

// One of the two limits of connections is enough.
func TestEachLimitOfConnectionsByItself(t *testing.T) {
	for status, limit := range map[int]func(*Limits){
		http.StatusServiceUnavailable: func(l *Limits) { l.MaxConnections = 1 },
		http.StatusTooManyRequests:    func(l *Limits) { l.MaxConnectionsPerAddress = 1 },
	} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{change: func(o *Options) { limit(&o.Limits) }})
			first := i.consumer()
			if answer, _ := i.ask(upgradeTo("/ws") + "\r\n"); answer.StatusCode != status {
				t.Errorf("the second is answered with %s, want %d", answer.Status, status)
			}
			first.Close()
			synctest.Wait()
			i.consumer()
		})
	}
}

// WebSockets take the places of connections that say nothing.
func TestAnAddressMayWaitWithTheRestOfItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxConnectionsPerAddress = 12 }})
		for range 5 {
			i.consumer()
		}
		var silent []net.Conn
		for range 20 {
			silent = append(silent, i.dial())
		}
		synctest.Wait()
		if n := open(silent); n != 7 {
			t.Errorf("%d are open, want 7", n)
		}
	})
}

func TestAFewMakePlaceForADescriptor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		if n := i.server.registry.noDescriptor(); n != 0 {
			t.Errorf("%d of none made place", n)
		}
		for range pushedOutAtOnce + 3 {
			i.dial()
		}
		synctest.Wait()
		for _, want := range []int{pushedOutAtOnce, 3, 0} {
			if n := i.server.registry.noDescriptor(); n != want {
				t.Errorf("%d made place, want %d", n, want)
			}
		}
	})
}

// Where nobody can make place, it is tried again, but not without a pause.
func TestWithoutDescriptorsAcceptPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		i := start(t, l, settings{})
		elapse(time.Minute)
		i.endServe()
		<-i.served
		if l.tries < 60 || l.tries > 70 {
			t.Errorf("it was tried %d times in a minute", l.tries)
		}
	})
}

type exhausted struct {
	*pipes
	tries int // owned by who accepts
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.tries++
	select {
	case <-e.done:
		return nil, net.ErrClosed
	default:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
}

func TestWhoComesWhileTheServerClosesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		before := i.dial()
		i.server.registry.closing <- struct{}{}
		after := i.dial()
		synctest.Wait()
		if !closedBy(before) || !closedBy(after) {
			t.Error("a connection is open")
		}
	})
}

func TestTheLimitOfRoomsCountsAllJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxRooms = 3 }})
		p := i.consumer()
		full := func(room string) {
			t.Helper()
			p.send(`{"type":"join","room":"` + room + `"}`)
			p.hears(`{"type":"error","code":"too_many_rooms","message":"room: ` + room + ` would be one more than the 3 rooms that a consumer may join"}`)
		}
		p.join("A")
		p.send(`{"type":"join","rooms":["B"]}`)
		p.hears(`{"type":"joined","rooms":["B"]}`)
		p.join("C")
		full("D")
		p.join("A") // again
		p.send(`{"type":"leave","room":"B"}`)
		p.hears(`{"type":"left","room":"B"}`)
		p.join("D")
		full("B")
	})
}

func TestARoomThatIsRefusedCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).consumer()
		p.send(`{"type":"join","rooms":["A","A","","B"]}`)
		if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"joined","rooms":["A","B"],"rejected":[{"room":"",`) {
			t.Errorf("got %s %v", text, err)
		}
	})
}

// A message of exactly the size is not a long one.
func TestALongJoinIsPastItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		i.server.joins.Begin(time.Hour, nil)
		join := `{"type":"join","rooms":["A"]`
		p := i.consumer()
		p.send(join + strings.Repeat(" ", longMessage-len(join)-1) + "}")
		p.hears(`{"type":"joined","rooms":["A"]}`)
		p.send(join + strings.Repeat(" ", longMessage-len(join)) + "}")
		p.silent(time.Second)
		i.server.joins.End()
		p.hears(`{"type":"joined","rooms":["A"]}`)
	})
}

func TestAnErrorSaysWhichElementItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).ingestor()
		p.send(`[1,` + price("A", "1") + `,2]`)
		for _, index := range []string{`"index":0`, `"index":2`} {
			if _, text, err := p.next(); err != nil || !strings.Contains(text, index) {
				t.Errorf("got %s %v, want %s", text, err, index)
			}
		}
		p.send(`[`)
		if _, text, err := p.next(); err != nil || !strings.Contains(text, `"code":"invalid_json"`) || strings.Contains(text, "index") {
			t.Errorf("got %s %v", text, err)
		}
	})
}

func TestRequestsOfTheOtherRoleAreForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := onPipes(t, settings{}).ingestor()
		for _, typ := range []string{"join", "leave", "marked", "message"} {
			p.send(`{"type":"` + typ + `","room":"A"}`)
			p.hears(`{"type":"error","code":"forbidden","message":"type: ` + typ + ` is not for the role INGESTOR"}`)
		}
	})
}

// What one read brings reaches ingest in few pieces of a bounded size.
func TestOneReadIsPublishedInFewPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := make(chan []hub.BroadcastEvent, 100)
		i := onPipes(t, settings{hubEvents: passed})
		events := strings.Repeat(price("A", "1")+",", maxPublish+20)
		i.ingestor().send("[" + strings.TrimSuffix(events, ",") + "]")
		synctest.Wait()
		for _, want := range []int{maxPublish, 20} {
			if got := len(<-passed); got != want {
				t.Errorf("%d events at a time, want %d", got, want)
			}
		}
	})
}

func TestHowManyEventsAReadHolds(t *testing.T) {
	for _, test := range []struct{ bytes, payload, want int }{
		{58, 52, 1}, {10, 52, 1}, {58 * 100, 52, 112}, {64 << 10, 20, maxPublish},
	} {
		if got := eventsIn(test.bytes, test.payload); got != test.want {
			t.Errorf("%d bytes with payloads of %d: about %d events, want %d", test.bytes, test.payload, got, test.want)
		}
	}
}

// The answers to what one read brought are one write.
func TestAnswersOfOneReadAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		var pings []byte
		for range 50 {
			pings = append(pings, masked(ws.OpPing, "x")...)
		}
		p.raw(pings)
		for range 50 {
			p.want(ws.OpPong, "x")
		}
		synctest.Wait()
		if n := i.counts()["writes_total"]; n != 1 {
			t.Errorf("%d writes", n)
		}
	})
}

// An ingestor within its rate has nothing that adds up.
func TestMessagesWithinTheRateExcuseFramesWithoutText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate, o.Limits.MaxBadMessages = rates.PerSecond(10), 20 }})
		p := i.ingestor()
		for range 100 {
			p.send(price("A", "1"))
			elapse(100 * time.Millisecond)
		}
		for range 15 {
			p.raw(masked(ws.OpPing, "x"))
			p.want(ws.OpPong, "x")
		}
	})
}

// A delay as long as the shortest is waited for, and a shorter one is not.
func TestTheShortestDelay(t *testing.T) {
	for rate, delays := range map[int]int{100: 1, 101: 0} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxIngestRate = rates.PerSecond(rate) }})
			p := i.ingestor()
			p.send(strings.ReplaceAll(batch(rate+1), `,"id":"`, `,"x":"`))
			elapse(time.Second)
			if n := i.counts()["delays_total"]; n != delays {
				t.Errorf("at %d a second, one more is delayed %d times, want %d", rate, n, delays)
			}
			p.Close()
		})
	}
}

// However often it is looked at.
func TestAReaderIsToldOfOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		debug, _ := debugLines("none")
		s := New(Options{Limits: Limits{MaxAge: maxAge}, Logger: debug})
		c := &conn{server: s, place: &place{conn: peerAt{port: 1}}, socket: socket{Conn: peerAt{port: 1}}}
		c.write.conn, c.write.fresh = c, newFreshness(maxAge, true)
		places := 0
		for full := oldest.New(debug, nil); full.Tell(oldest.Reader{}); {
			places++
		}
		for range 3 * 40 {
			elapse(time.Second / 40)
			c.write.tellAge(maxAge)
			c.write.tellAge(maxAge/2 - 1)
		}
		elapse(time.Second / 40)
		for s.oldest.Tell(oldest.Reader{}) {
			places--
		}
		if places != 3 {
			t.Errorf("it is told of %d times in 3 s", places)
		}
	})
}

// A client that takes no close frame's hint is left after a while.
func TestAClosedClientThatSaysNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		i.hub.CloseAll()
		p.closed(protocol.CloseRestart)
		begin := time.Now()
		p.ended()
		at(t, begin, lingerTimeout)
		i.waitIdle(time.Second)
	})
}

// Who speaks no HTTP is read for a while, so that the answer is not lost to what it still sends.
func TestWhoSpeaksNoHTTPIsReadForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		c := i.dial()
		go c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
		answer := make([]byte, 4096)
		if n, err := c.Read(answer); err != nil || n == 0 {
			t.Fatal(err)
		}
		for range 10 {
			if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("more")); err != nil {
				t.Fatal("nobody reads any more:", err)
			}
		}
	})
}

func TestTheSendBufferIsSetInSilence(t *testing.T) {
	log := make(logLines, 100)
	i := onTCP(t, settings{change: func(o *Options) {
		o.Limits.SocketSendBuffer, o.Logger = 64<<10, slog.New(slog.NewTextHandler(log, nil))
	}})
	i.consumer().join("A")
	if lines := log.take(); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}
