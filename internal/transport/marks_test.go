package transport

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// It gets newest values now and then until the ping that finds out whether it is there.
func TestAClientThatAnswersNoPingGetsATrickleAndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(joinFive, deaf)
		end := i.feed(2 * time.Millisecond)
		d.read(t, 5*time.Second)
		before := d.bytes
		d.oldest = 0
		d.read(t, 10*time.Second)
		if got := d.bytes - before; got < 2000 || got > 11*(trickleBytes+500) || d.oldest > 100*time.Millisecond {
			t.Errorf("%d bytes in 10 s, the oldest %v old", got, d.oldest)
		}
		d.read(t, 30*time.Second)
		if d.code != protocol.CloseSlowConsumer {
			t.Errorf("closed with %d", d.code)
		}
		end()
	})
}

func TestMarksAreGivenUpWhereSomethingEatsThePings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(joinFive, deaf)
		end := i.feed(2 * time.Millisecond)
		for range 4 {
			d.read(t, 4*time.Second)
			d.send(`{"type":"ping"}`)
		}
		if n := i.counts()["marks_off_total"]; n != 1 {
			t.Errorf("counted %d times", n)
		}
		d.read(t, time.Second)
		before := d.h
		d.read(t, time.Second)
		if d.h.prices < before.prices+2000 || d.h.skipped > before.skipped {
			t.Errorf("in a second it heard %d prices, and %d were left out", d.h.prices-before.prices, d.h.skipped-before.skipped)
		}
		n := end()
		d.read(t, time.Second)
		if got := d.h.prices + int(d.h.skipped); got != n || i.hub.Stats().Lagging > 0 {
			t.Errorf("%d prices and %d skipped of %d; %d lag", d.h.prices, d.h.skipped, n, i.hub.Stats().Lagging)
		}
		if s := i.counts(); s["windows_shut"] != 0 {
			t.Errorf("%d windows are shut", s["windows_shut"])
		}
	})
}

// Something eats the pings, or answers them itself: messages go past it.
func TestMarksThatAreMessagesNeedNoPings(t *testing.T) {
	for name, proxy := range map[string]func(*distant){"eats": deaf, "answers": func(d *distant) { d.early = true }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: fresh})
				d := i.distant(strings.Replace(joinFive, "}", `,"marks":true}`, 1), proxy, func(d *distant) { d.marked, d.rate = true, 20_000 })
				end := i.feed(5 * time.Millisecond)
				d.read(t, 10*time.Second)
				d.oldest, d.old = 0, 0
				d.read(t, time.Minute)
				if d.oldest > 2*maxAge || d.code != 0 || d.marks < 100 || i.counts()["marks_off_total"] != 0 {
					t.Errorf("it reads prices that are %v old; closed with %d; %d marks; given up: %d", d.oldest, d.code, d.marks, i.counts()["marks_off_total"])
				}
				end()
			})
		})
	}
}

// A browser's library answers pings while the page is busy.
func TestMarksThatAreMessagesBoundWhatABusyProgramHasToRead(t *testing.T) {
	onBoth(t, settings{change: fresh}, func(t *testing.T, i *instance) {
		d := i.distant(strings.Replace(joinFive, "}", `,"marks":true}`, 1), func(d *distant) { d.marked = true })
		busy := 60 * time.Second
		if i.server.opts.Limits.SocketSendBuffer == 0 && !isPipes(i) {
			busy = 6 * time.Second
		}
		end := i.feed(5 * time.Millisecond)
		d.read(t, 2*time.Second)
		lib := make(chan struct{})
		go func() { // the library
			defer close(lib)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for end := time.Now().Add(busy); time.Now().Before(end); <-tick.C {
				d.Write(masked(ws.OpPong, ""))
			}
		}()
		<-lib
		waiting := 0
		for range len(d.frames) {
			f := <-d.frames
			waiting += len(f.text)
			d.frames <- f
		}
		if most := 72<<10 + int(busy/time.Second)*trickleBytes; waiting > most {
			t.Errorf("%d bytes wait for the page", waiting)
		}
		d.read(t, time.Second)
		if !isPipes(i) {
			d.read(t, time.Second) // on a busy machine
		}
		before := d.h.prices
		d.oldest, d.old = 0, 0
		d.read(t, time.Second)
		if d.old > (d.h.prices-before)/2 || isPipes(i) && d.old > 0 || d.code != 0 || d.marks < 3 {
			t.Errorf("a second after it woke the page reads prices that are %v old; closed with %d; %d marks", d.oldest, d.code, d.marks)
		}
		n := end()
		for range 20 {
			d.read(t, time.Second)
			if d.h.prices+int(d.h.skipped) == n {
				return
			}
		}
		t.Errorf("%d prices and %d skipped of %d", d.h.prices, d.h.skipped, n)
	})
}

// A number of a mark makes no other message an answer.
func TestOnlyMarkedAnswersAMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		p := i.consumer()
		p.send(`{"type":"join","room":"A","marks":true}`)
		p.hears(`{"type":"mark","n":1}`, `{"type":"joined","room":"A"}`)
		for _, text := range []string{`{"type":"ping","n":1}`, `{"type":"none","n":1}`} {
			p.send(text)
			if _, answer, err := p.next(); err != nil || !strings.Contains(answer, `"type":"error"`) {
				t.Errorf("%s: got %s %v", text, answer, err)
			}
		}
		if n, _, _ := i.server.Ages().Read(); n != 0 {
			t.Errorf("%d marks were answered", n)
		}
	})
}

// An answered mark is progress of a write for as long as nothing else looks at it, and once.
func TestEachAnsweredMarkIsProgressOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, its := net.Pipe()
		defer mine.Close()
		f, begin := newFreshness(maxAge, true), time.Now()
		go func() {
			for n := range uint64(5) {
				<-time.After(6 * time.Second)
				f.answered.Store(&answer{number: n})
			}
		}()
		if _, err := writeOn(its, []byte("x"), 10*time.Second, f, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(begin); took < 40*time.Second || took > 41*time.Second {
			t.Errorf("the write is given up after %v, want 10 s after the last answer", took)
		}
	})
}

func TestAnswersToMarksAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		p := i.consumer()
		p.send(`{"type":"join","room":"A","marks":true}`)
		p.hears(`{"type":"mark","n":1}`, `{"type":"joined","room":"A"}`)
		p.send(`{"type":"marked","n":1}`)
		p.send(`{"type":"marked","n":1}`) // late, and harmless
		p.silent(time.Second)
		for answer, complaint := range map[string]string{
			`{"type":"marked"}`:                `n: must be the number of a mark`,
			`{"type":"marked","n":"1"}`:        `n: must be a JSON number`,
			`{"type":"marked","n":-1}`:         `n: must be the number of a mark`,
			`{"type":"marked","n":1,"nn":"x"}`: `nn: `,
		} {
			p.send(answer)
			_, text, err := p.next()
			var m protocol.ServerMessage
			if err != nil || json.Unmarshal([]byte(text), &m) != nil || !strings.HasPrefix(m.Message, complaint) {
				t.Errorf("%s is answered with %s %v", answer, text, err)
			}
		}
	})
}
