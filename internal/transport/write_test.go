package transport

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

func TestClientThatTakesNothingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.join("A")
		begin := time.Now()
		i.publish(hub.State, "A", price("A", "1"))
		i.waitIdle(time.Minute)
		at(t, begin, 10*time.Second)
		p.ended()
		if n := i.counts()["write_timeouts_total"]; n != 1 {
			t.Errorf("%d stalled clients were counted", n)
		}
	})
}

func TestWriteIsRenewedByProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.PingInterval = 24 * time.Hour }})
		p := i.consumer()
		p.join("A")
		long := say("A", strings.Repeat("x", 1000))
		i.publish(hub.Message, "A", long)
		head := make([]byte, 4)
		if _, err := io.ReadFull(p.Conn, head); err != nil { // of the frame, 0x81 0x7e and a length
			t.Fatal(err)
		}
		var got strings.Builder
		for range len(long) {
			elapse(9 * time.Second)
			var b [1]byte
			if _, err := p.Conn.Read(b[:]); err != nil {
				t.Fatalf("after %d bytes: %v", got.Len(), err)
			}
			got.Write(b[:])
		}
		if got.String() != long {
			t.Errorf("got %q", got.String())
		}
	})
}

// A byte that is taken right after the time-out began does not begin it twice.
func TestTheWriteTimeOutTakesItsTimeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.join("A")
		i.publish(hub.State, "A", price("A", "1"))
		elapse(100 * time.Millisecond)
		if _, err := p.Conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		i.waitIdle(time.Minute)
		if d := time.Since(begin); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("cut off %v after the last byte, want 10 s", d)
		}
	})
}

// A client that answers marks is not cut off, whatever its kernel says.
func TestAnAnsweredMarkIsProgressOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for answer, progress := range map[string]bool{"2": true, "3": false /* was not sent */, "": false} {
			i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxAge = 500 * time.Millisecond }})
			p := i.consumer()
			p.send(`{"type":"join","room":"A","marks":true}`)
			p.hears(`{"type":"mark","n":1}`, `{"type":"joined","room":"A"}`)
			elapse(200 * time.Millisecond)
			p.raw(masked(ws.OpText, `{"type":"marked","n":1}`))
			synctest.Wait()
			i.publish(hub.Message, "A", strings.Repeat("x", 40<<10))
			if text := p.text(); len(text) != 40<<10 {
				t.Fatal(text)
			}
			p.hears(`{"type":"mark","n":2,"age_ms":100}`) // what is not the way back
			i.publish(hub.Message, "A", "not read")
			elapse(8 * time.Second)
			if answer != "" {
				p.raw(masked(ws.OpText, `{"type":"marked","n":`+answer+`}`))
			}
			elapse(4 * time.Second)
			if open := i.counts()["connections CONSUMER"] == 1; open != progress {
				t.Errorf("mark %q is answered: open %t after 12 s, want %t", answer, open, progress)
			}
			p.Close()
			i.waitIdle(time.Minute)
		}
	})
}

// What waits behind a write that the kernel does not take grows old there, and is conflated.
func TestWhatWaitsBehindAWriteIsConflatedWhenItIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxAge = 500 * time.Millisecond }})
		p := i.consumer()
		p.send(`{"type":"join","room":"A","marks":true}`)
		p.hears(`{"type":"mark","n":1}`, `{"type":"joined","room":"A"}`)
		p.raw(masked(ws.OpText, `{"type":"marked","n":1}`))
		for n := range 4 { // the first is written, and not taken
			i.publish(hub.State, "A", price("A", strconv.Itoa(n)))
			synctest.Wait()
		}
		elapse(2 * time.Second)
		if s := i.hub.Stats(); s.Conflated != 2 || s.LagsAge != 1 {
			t.Errorf("%d conflated, %d lags of age; want 2 and 1", s.Conflated, s.LagsAge)
		}
		p.Close()
		i.waitIdle(time.Minute)
	})
}

func TestStalledWriteEndsSoonAfterTheReadPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.join("A")
		i.publish(hub.Message, "A", say("A", strings.Repeat("x", 1000)))
		p.raw(masked(ws.OpClose, closing(1000, "")))
		begin := time.Now()
		read := make(chan struct{})
		go func() { // takes a byte often enough to keep a write alive
			defer close(read)
			var b [1]byte
			for {
				if _, err := p.Conn.Read(b[:]); err != nil {
					return
				}
				<-time.After(9 * time.Second)
			}
		}()
		i.waitIdle(time.Minute)
		at(t, begin, 10*time.Second)
		<-read
	})
}

func TestWaitingBatchesAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		p.join("A")
		var want []string
		for range 6 {
			want = append(want, price("A", "1.10"))
		}
		i.publish(hub.State, "A", want[0])
		synctest.Wait() // it is being written
		i.publish(hub.State, "A", want[1:]...)
		elapse(time.Second)
		before := i.counts()
		p.hears(want...)
		synctest.Wait()
		after := i.counts()
		if n := after["writes_total"] - before["writes_total"]; n != 2 { // the first, and what came while it was written
			t.Errorf("%d writes", n)
		}
		if n := after["sent_bytes_total"] - before["sent_bytes_total"]; n != 6*(len(want[0])+2) {
			t.Errorf("%d bytes", n)
		}
	})
}

func TestRepliesOfOneReadAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.WriteTimeout = time.Hour }})
		p := i.ingestor()
		// Each message asks for far more than it has bytes: answered a piece at a time.
		ask := "[" + strings.Repeat("1,", 900) + "1]"
		go p.Write(masked(ws.OpText, ask)) // it is not taken before answers are
		elapse(time.Second)
		for n := range 901 {
			op, text, err := p.next()
			if err != nil || op != ws.OpText || !strings.Contains(text, `"code":"invalid_event"`) {
				t.Fatalf("answer %d: %#x %q %v", n, op, text, err)
			}
		}
		p.silent(time.Second)
		if w := i.counts()["writes_total"]; w < 5 {
			t.Errorf("all answers came in %d writes", w)
		}
	})
}

func TestRepliesAndCloseErrorsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		p := i.consumer()
		both := append(masked(ws.OpText, `{"type":"leave","room":"A"}`), masked(ws.OpBinary, "x")...)
		p.raw(both)
		p.hears(`{"type":"error","code":"not_joined","message":"room: A is not joined"}`)
		p.closed(protocol.CloseUnsupportedData)
		p.Close()
		i.waitIdle(time.Second)
	})
}
