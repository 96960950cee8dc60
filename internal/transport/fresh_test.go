package transport

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

const maxAge = 500 * time.Millisecond

func fresh(o *Options) { o.Limits.MaxAge = maxAge }

// distant is a consumer behind something that takes all that the server sends and hands it on at
// the consumer's pace, as a proxy with much memory does.
type distant struct {
	*peer
	frames chan frameRead
	rate   int  // bytes a second that it reads; 0: all
	deaf   bool // its pongs do not arrive
	early  bool // something before it answers the pings
	marked bool // it answers marks that are messages

	h      heard
	oldest time.Duration // price that it read
	old    int           // prices that it read that were older than maxAge
	bytes  int
	pings  int
	marks  int
	code   protocol.CloseCode
	joined bool
}

type frameRead struct {
	op   ws.OpCode
	text string
}

func (i *instance) distant(join string, change ...func(*distant)) *distant {
	i.t.Helper()
	d := &distant{peer: i.consumer(), frames: make(chan frameRead, 1<<17)}
	for _, f := range change {
		f(d)
	}
	d.send(join)
	go func() {
		defer close(d.frames)
		for {
			op, text, err := d.next()
			if err != nil {
				return
			}
			if d.early && op == ws.OpPing {
				d.Write(masked(ws.OpPong, text))
				continue
			}
			d.frames <- frameRead{op, text}
		}
	}()
	for !d.joined {
		f, open := <-d.frames
		if !open {
			i.t.Fatal("the connection ended before the client had joined")
		}
		d.frame(i.t, f)
	}
	return d
}

// read reads for a while.
func (d *distant) read(t *testing.T, span time.Duration) {
	t.Helper()
	end := time.After(span)
	for {
		select {
		case <-end:
			return
		case f, open := <-d.frames:
			if !open {
				return
			}
			d.frame(t, f)
			if d.rate > 0 {
				select {
				case <-time.After(time.Duration(len(f.text)+4) * time.Second / time.Duration(d.rate)):
				case <-end:
					return
				}
			}
		}
	}
}

func (d *distant) frame(t *testing.T, f frameRead) {
	t.Helper()
	d.bytes += len(f.text) + 4
	switch {
	case f.op == ws.OpPing:
		d.pings++
		if !d.deaf {
			d.Write(masked(ws.OpPong, f.text))
		}
	case f.op == ws.OpClose:
		d.code = protocol.CloseCode(f.text[0])<<8 | protocol.CloseCode(f.text[1])
	case strings.HasPrefix(f.text, `{"type":"joined"`):
		d.joined = true
	case strings.HasPrefix(f.text, `{"type":"pong"`):
	case strings.HasPrefix(f.text, `{"type":"mark"`):
		d.marks++
		if d.marked {
			n, _, _ := protocol.ScanMark([]byte(f.text))
			d.Write(masked(ws.OpText, `{"type":"marked","n":`+strconv.FormatUint(n, 10)+`}`))
		}
	default:
		before := d.h.prices
		d.h.add(t, f.text)
		if d.h.prices > before {
			at, _ := strconv.ParseInt(d.h.last, 10, 64)
			age := time.Duration(time.Now().UnixMilli()-at) * time.Millisecond
			d.oldest = max(d.oldest, age)
			if age > maxAge {
				d.old++
			}
		}
	}
}

// feed publishes a price of about 100 bytes in each of five rooms all the time, until what it
// returns is called. That returns how many there were.
func (i *instance) feed(every time.Duration) (end func() int) {
	ending, ended := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(ended)
		p := i.ingest.Publisher("p", "")
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ending:
				return
			case <-tick.C:
			}
			for r := range 5 {
				room := "R" + strconv.Itoa(r)
				text := price(room, strconv.FormatInt(time.Now().UnixMilli(), 10))
				if _, err := p.Publish([]hub.BroadcastEvent{{Room: room, Payload: text, Kind: hub.State}}); err != nil {
					i.t.Error(err)
				}
				n++
			}
		}
	}()
	return func() int { close(ending); <-ended; i.settle(); return n }
}

func deaf(d *distant) { d.deaf = true }

const joinFive = `{"type":"join","rooms":["R0","R1","R2","R3","R4"]}`

// onBoth runs a test over net.Pipe in a bubble, where each WritePump has a goroutine, and over TCP
// in real time, where writers do its work.
func onBoth(t *testing.T, s settings, test func(*testing.T, *instance)) {
	t.Run("pipes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, onPipes(t, s)) })
	})
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		test(t, onTCP(t, s))
	})
}

func TestASlowReaderBehindAProxyReadsYoungPrices(t *testing.T) {
	onBoth(t, settings{change: fresh}, func(t *testing.T, i *instance) {
		d := i.distant(joinFive)
		d.rate = 50_000
		end := i.feed(2 * time.Millisecond) // some 200 KB/s
		d.read(t, 3*time.Second)
		if i.hub.Stats().LagsAge == 0 {
			t.Error("it does not lag because of age")
		}
		for looks := 1; ; looks++ {
			before := d.h.prices
			d.oldest, d.old = 0, 0
			d.read(t, 2*time.Second)
			if most := (d.h.prices - before) / 2; d.old <= most && (d.old == 0 || !isPipes(i)) && d.h.prices >= 100 {
				break
			}
			if isPipes(i) || looks == 10 { // a busy machine reads more slowly, and what was under way takes longer
				t.Errorf("%d of %d prices were too old, one %v", d.old, d.h.prices-before, d.oldest)
				break
			}
		}
		n := end()
		d.rate = 0
		for range 20 {
			d.read(t, time.Second)
			if d.h.prices+int(d.h.skipped) == n && i.hub.Stats().Lagging == 0 {
				break
			}
		}
		if got := d.h.prices + int(d.h.skipped); got != n {
			t.Errorf("%d prices and %d skipped of %d", d.h.prices, d.h.skipped, n)
		}
		if s := i.hub.Stats(); s.Lagging > 0 {
			t.Error("it has everything and still lags")
		}
		count, sum, _ := i.server.Ages().Read()
		if count < 10 || sum/float64(count) > 1 {
			t.Errorf("%d marks were answered, %.1f s in all", count, sum)
		}
	})
}

// What is less than the limit in bytes and reaches the reader in time is never left out.
func TestABurstToAReaderAtFullSpeedLosesNothing(t *testing.T) {
	burst := func(t *testing.T, i *instance, inTime time.Duration) {
		d := i.distant(joinFive)
		d.read(t, 100*time.Millisecond)
		p := i.ingest.Publisher("p", "")
		for range 2000 {
			if _, err := p.Publish([]hub.BroadcastEvent{{Room: "R0", Payload: price("R0", "1"), Kind: hub.State}}); err != nil {
				t.Fatal(err)
			}
		}
		for began := time.Now(); d.h.prices < 2000 && time.Since(began) < inTime; {
			d.read(t, 100*time.Millisecond)
		}
		if d.h.prices != 2000 || d.h.skipped > 0 {
			t.Errorf("%d prices, %d skipped", d.h.prices, d.h.skipped)
		}
	}
	t.Run("pipes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { burst(t, onPipes(t, settings{change: fresh}), maxAge) })
	})
	t.Run("TCP", func(t *testing.T) { // on a busy machine
		const long = 20 * time.Second
		burst(t, onTCP(t, settings{change: func(o *Options) { o.Limits.MaxAge = long }}), long)
	})
}

func TestWithoutAMaxAgeThereAreNoMarks(t *testing.T) {
	onBoth(t, settings{}, func(t *testing.T, i *instance) {
		d := i.distant(strings.Replace(joinFive, "}", `,"marks":true}`, 1))
		end := i.feed(time.Millisecond)
		d.read(t, 500*time.Millisecond)
		if n := end(); d.pings > 0 || d.marks > 0 || d.h.prices == 0 {
			t.Errorf("%d pings, %d marks, %d prices of %d", d.pings, d.marks, d.h.prices, n)
		}
	})
}

func TestAnIdleConnectionGetsNoMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		d := i.distant(joinFive)
		d.read(t, 24*time.Second)
		if d.pings != 1 {
			t.Errorf("%d pings, want the one behind joined", d.pings)
		}
	})
}

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

// debugLines is a log at the level debug, whose lines with a text come through the channel.
func debugLines(text string) (*slog.Logger, <-chan string) {
	lines := make(chan string, 100)
	return slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), text) {
			lines <- string(p)
		}
		return len(p), nil
	}), &slog.HandlerOptions{Level: slog.LevelDebug})), lines
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTheLogNamesThoseWhoReadOldPrices(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*distant)
		least  time.Duration // its age; 0: it is not named
	}{
		"slow":  {func(d *distant) { d.rate = 10_000 }, maxAge / 2},
		"deaf":  {deaf, 8 * time.Second},
		"quick": {func(*distant) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, lines := debugLines("one of the oldest readers")
				i := onPipes(t, settings{change: func(o *Options) { fresh(o); o.Logger = log }})
				d := i.distant(joinFive, test.change)
				end := i.feed(5 * time.Millisecond)
				d.read(t, 10*time.Second+time.Millisecond)
				end()
				if test.least > 0 {
					named(t, lines, test.least, " rooms=5 ", " lags=age")
				} else if len(lines) > 0 {
					t.Errorf("it is named: %s", <-lines)
				}
			})
		})
	}
}

// It is seldom looked at before, since nothing waits for it.
func TestTheLogNamesWhoAnswersLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := debugLines("one of the oldest readers")
		i := onPipes(t, settings{change: func(o *Options) { fresh(o); o.Logger = log }})
		p := i.consumer()
		answer := func(after time.Duration) {
			op, number, err := p.next()
			if err != nil || op != ws.OpPing {
				t.Fatalf("got frame %#x, %v", op, err)
			}
			<-time.After(after)
			p.raw(masked(ws.OpPong, number))
		}
		p.send(`{"type":"join","room":"A"}`)
		answer(0)
		p.hears(`{"type":"joined","room":"A"}`)
		text := price("A", strings.Repeat("1", 40<<10))
		i.publish(hub.State, "A", text)
		p.hears(text)
		answer(5 * time.Second)
		elapse(5 * time.Second)
		named(t, lines, 5*time.Second, " outstanding=0 ", ` lags=""`)
	})
}

// named takes the one line of the consumer.
func named(t *testing.T, lines <-chan string, least time.Duration, parts ...string) {
	t.Helper()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	line := <-lines
	_, text, _ := strings.Cut(line, " age=")
	text, _, _ = strings.Cut(text, " ")
	if age, err := time.ParseDuration(text); err != nil || age < least || age > 10*time.Second {
		t.Errorf("an age of %v, %v", age, err)
	}
	for _, part := range append(parts, "address=192.0.2.1:1234 role=CONSUMER ") {
		if !strings.Contains(line, part) {
			t.Errorf("without %q: %s", part, line)
		}
	}
}

func isPipes(i *instance) bool { _, ok := i.listener.(*pipes); return ok }

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

// A pong alone is not the last that is read, and a client that had heartbeats is gone when it goes.
func TestAClientGoesOnAfterAPongAlone(t *testing.T) {
	i := onTCP(t, settings{change: fresh})
	p := i.consumer()
	p.send(`{"type":"join","room":"A","heartbeat_ms":60000}`)
	_, number, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	p.hears(`{"type":"joined","room":"A"}`)
	p.raw(masked(ws.OpPong, number))
	for n := uint64(0); n == 0; n, _, _ = i.server.Ages().Read() {
	}
	p.raw(masked(ws.OpPing, "x"))
	p.want(ws.OpPong, "x")
	p.Close()
	i.waitIdle(10 * time.Second)
}

// A pong alone is read without the memory that requests need; one in pieces, or with others, is not
// lost.
func TestAPongIsUnderstoodHoweverItComes(t *testing.T) {
	for _, pieces := range []int{0, 1, 7, 13} {
		i := onTCP(t, settings{change: fresh})
		p := i.consumer()
		p.send(`{"type":"join","room":"A"}`)
		op, number, err := p.next()
		if err != nil || op != ws.OpPing {
			t.Fatalf("got frame %#x, %v", op, err)
		}
		p.hears(`{"type":"joined","room":"A"}`)
		pong := masked(ws.OpPong, number)
		p.raw(pong[:pieces])
		p.silent(20 * time.Millisecond)
		p.raw(append(pong[pieces:], masked(ws.OpText, `{"type":"ping","id":"1"}`)...))
		if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong","id":"1"`) {
			t.Errorf("in pieces of %d: %q %v", pieces, text, err)
		}
		p.raw(masked(ws.OpPong, number)) // alone, and for the second time
		p.raw(masked(ws.OpText, `{"type":"ping","id":"2"}`))
		if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong","id":"2"`) {
			t.Errorf("in pieces of %d: %q %v", pieces, text, err)
		}
		i.publish(hub.State, "A", price("A", "1"))
		p.hears(price("A", "1"))
		if n, _, _ := i.server.Ages().Read(); n != 1 {
			t.Errorf("in pieces of %d: %d marks were answered", pieces, n)
		}
	}
}
