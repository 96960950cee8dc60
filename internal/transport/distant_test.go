package transport

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

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
