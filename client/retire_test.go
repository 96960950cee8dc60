package client

import (
	"strings"
	"testing"
	"time"

	"backbone/protocol"
)

func TestRetire(t *testing.T) {
	in, p := newServer(t).ingestor(IngestorOptions{})
	done := make(chan error, 1)
	go func() { done <- in.Retire(patient(t), "BRK B") }()
	m := p.expect(protocol.TypeRetire)
	if m.Instrument != "BRK B" || m.ID == "" {
		t.Errorf("the server got %+v", m)
	}
	p.write(`{"type":"ack","id":"` + m.ID + `"}`)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := in.Retire(t.Context(), `A"`); err == nil || !strings.Contains(err.Error(), "instrument") {
		t.Errorf("a bad name: %v", err)
	}
}

// A retirement has a stamp, as a price has.
func TestARetirementHasAStamp(t *testing.T) {
	c, p := newServer(t).consumer(ConnOptions{})
	async(t, func() { p.join() })
	if err := c.JoinWith(patient(t), JoinOptions{Stamp: true}, "A"); err != nil {
		t.Fatal(err)
	}
	p.write(`{"type":"retired","instrument":"A","epoch":"e","seq":7,"at":1700000000007}`)
	r, ok := nextEvent(t, c).(Retired)
	if want := (Stamp{Epoch: "e", Seq: 7, At: time.UnixMilli(1_700_000_000_007)}); !ok || r.Instrument != "A" || r.Snapshot || r.Stamp == nil || *r.Stamp != want {
		t.Errorf("got %+v, stamp %+v", r, r.Stamp)
	}
	p.write(`{"type":"retired","instrument":"A","snapshot":true}`)
	if got := nextEvent(t, c); got != (Retired{Instrument: "A", Snapshot: true}) {
		t.Errorf("got %+v", got)
	}
}
