package transport

import (
	"testing"

	"backbone/internal/hub"
	"backbone/protocol"
)

// What a batch does to a write side is the table in DESIGN.md.
func TestPhases(t *testing.T) {
	h := newHub()
	go h.Run(t.Context())
	var client hub.Client
	client.Init(nil, nil)
	h.Register(&client)
	h.Join(&client, []string{"A"}, hub.Wants{}, Frame(nil, "joined"), nil)
	frames := <-client.Queue()
	more := frames
	more.More = true
	var empty hub.Batch
	const slow, none = protocol.CloseSlowConsumer, protocol.CloseCode(0)
	for _, c := range []struct {
		name     string
		from     phase
		draining bool
		batch    hub.Batch
		to       phase
		drains   bool
		code     protocol.CloseCode
	}{
		{"frames", live, false, frames, live, false, none},
		{"frames before a pull", behind, false, frames, behind, false, none},
		{"frames answer a pull", pulling, false, frames, live, false, none},
		{"more answers a pull", pulling, false, more, behind, false, none},
		{"nothing answers a pull", pulling, false, empty, live, false, none},
		{"frames answer a pull, draining", pulling, true, frames, behind, true, none},
		{"more answers a pull, draining", pulling, true, more, behind, true, none},
		{"nothing answers a pull, draining", pulling, true, empty, live, true, none},
		{"behind", live, false, hub.Batch{Signal: hub.Behind}, behind, false, none},
		{"behind again", behind, false, hub.Batch{Signal: hub.Behind}, behind, false, none},
		{"behind answers a pull", pulling, false, hub.Batch{Signal: hub.Behind}, behind, false, none},
		{"drain", live, false, hub.Batch{Signal: hub.CloseDrain}, behind, true, none},
		{"drain while behind", behind, false, hub.Batch{Signal: hub.CloseDrain}, behind, true, none},
		{"drain during a pull", pulling, false, hub.Batch{Signal: hub.CloseDrain}, pulling, true, none},
		{"slow", live, false, hub.Batch{Signal: hub.CloseSlow}, over, false, slow},
		{"slow during a pull", pulling, false, hub.Batch{Signal: hub.CloseSlow}, over, false, slow},
		{"refuses conflation", live, false, hub.Batch{Signal: hub.CloseWhole}, over, false, slow},
		{"slow while draining", behind, true, hub.Batch{Signal: hub.CloseSlow}, over, true, slow},
		{"behind when over", over, false, hub.Batch{Signal: hub.Behind}, over, false, none},
		{"slow when over", over, false, hub.Batch{Signal: hub.CloseSlow}, over, false, none},
	} {
		w := writeSide{phase: c.from, draining: c.draining}
		w.note(&c.batch)
		code := none
		if w.closing != nil {
			code = w.closing.code
		}
		if w.phase != c.to || w.draining != c.drains || code != c.code {
			t.Errorf("%s: phase %d, draining %v, closes with %d; want %d, %v, %d", c.name, w.phase, w.draining, code, c.to, c.drains, c.code)
		}
	}
}
