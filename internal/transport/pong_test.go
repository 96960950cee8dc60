package transport

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/hub"
	"backbone/protocol"
)

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
