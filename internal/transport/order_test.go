package transport

import (
	"testing"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// Requests that arrive together are answered as if they had come one by one.
func TestOrderWithinOneRead(t *testing.T) {
	text := func(texts ...string) (b []byte) {
		for _, s := range texts {
			b = append(b, masked(ws.OpText, s)...)
		}
		return b
	}
	t.Run("a pong comes behind the errors before it", func(t *testing.T) {
		i := onTCP(t, settings{instruments: 1})
		p := i.connect(protocol.PathIngest, text(
			`{"type":"price_update","instrument":"A","price":1,"ts":1}`,
			`{"type":"price_update","instrument":"B","price":1,"ts":1,"id":"b"}`,
			`{"type":"ping","id":"p"}`)...)
		p.hears(`{"type":"error","code":"too_many_instruments","message":"instrument: this instance keeps no further instruments of this producer","id":"b"}`)
	})
	t.Run("who leaves hears what it said before", func(t *testing.T) {
		i := onTCP(t, settings{})
		for range 20 {
			p := i.connect(protocol.PathConsume, text(
				`{"type":"join","room":"lobby"}`,
				`{"type":"message","room":"lobby","data":"bye"}`,
				`{"type":"leave","room":"lobby"}`)...)
			p.hears(
				`{"type":"joined","room":"lobby"}`,
				`{"type":"message","room":"lobby","data":"bye"}`,
				`{"type":"left","room":"lobby"}`)
		}
	})
}
