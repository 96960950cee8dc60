package transport

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
)

func isPipes(i *instance) bool { _, ok := i.listener.(*pipes); return ok }

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

// A pong alone is taken from a few bytes, whatever its number; nothing else is.
func TestALonePongIsTakenFromAFewBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: fresh})
		for _, number := range []uint64{1, 0x0102030405060708} {
			c := &conn{server: i.server, place: new(place)}
			c.read.conn = c
			if c.read.mayPong() {
				t.Error("one without marks may answer some")
			}
			f := newFreshness(maxAge, true)
			c.write.fresh, f.newest = f, uint32(number)-1
			f.open.Store(1)
			text := string(binary.BigEndian.AppendUint64(nil, number))
			for _, other := range [][]byte{
				nil, masked(ws.OpText, text), masked(ws.OpPing, text), encode(false, ws.OpPong, text),
				masked(ws.OpPong, text[1:]), append(masked(ws.OpPong, text[1:]), text[7]), append(masked(ws.OpPong, text), 'x'),
			} {
				if c.read.lonePong(other) {
					t.Errorf("%x is taken for a pong alone", other)
				}
			}
			if !c.read.mayPong() || !c.read.lonePong(masked(ws.OpPong, text)) {
				t.Fatalf("the pong %d is not taken", number)
			}
			if a := f.answered.Load(); a == nil || a.number != number || f.frames.Load() != 1 {
				t.Errorf("it is understood as %+v", a)
			}
			c.read.rest = []byte{0x81}
			if c.read.mayPong() {
				t.Error("a pong may begin inside of a frame")
			}
		}
	})
}

// A part of a message that looks like the answer to a mark is none.
func TestAMessageThatLooksLikeAPong(t *testing.T) {
	i := onTCP(t, settings{change: fresh})
	p := i.consumer()
	p.send(`{"type":"join","room":"A"}`)
	if op, number, err := p.next(); err != nil || op != ws.OpPing || number != "\x00\x00\x00\x00\x00\x00\x00\x01" {
		t.Fatalf("got frame %#x %q, %v", op, number, err)
	}
	p.hears(`{"type":"joined","room":"A"}`)
	pong := masked(ws.OpPong, "\x00\x00\x00\x00\x00\x00\x00\x01")
	mask := [4]byte{pong[0] ^ ' ', pong[1] ^ ' ', pong[2] ^ ' ', pong[3] ^ ' '} // the pong is read as text then
	for k := 4; k < len(pong); k++ {
		pong[k] = mask[k%4] ^ ' '
	}
	pong[len(pong)-1] ^= 1
	begin, end := `{"type":"ping", "id":"0123456789`, `"}`
	var frame []byte
	for k, b := range []byte(begin) {
		frame = append(frame, b^mask[k%4])
	}
	frame = append(append([]byte{0x81, 0x80 | byte(len(begin)+len(pong)+len(end))}, mask[:]...), frame...)
	p.raw(frame)
	p.silent(20 * time.Millisecond)
	p.raw(pong)
	p.silent(20 * time.Millisecond)
	p.raw([]byte{'"' ^ mask[2], '}' ^ mask[3]})
	if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong","id":"0123456789  `) {
		t.Errorf("got %s %v", text, err)
	}
}
