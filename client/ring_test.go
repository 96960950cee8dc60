package client

import "testing"

// A ring that is never empty must not grow with what goes through it.
func TestRingKeepsItsOrderAndItsSize(t *testing.T) {
	var r ring
	if r.first() != nil {
		t.Error("an empty ring has an event")
	}
	pushed, dropped := 0, 0
	push := func() { r.push(Conflated{Skipped: uint64(pushed)}); pushed++ }
	for range 10 {
		push()
	}
	for range 10_000 {
		push()
		if got := r.first().(Conflated).Skipped; got != uint64(dropped) {
			t.Fatalf("event %d came, want %d", got, dropped)
		}
		r.drop()
		dropped++
	}
	if r.len() != 10 || cap(r.buf) > 64 {
		t.Errorf("%d events in %d places", r.len(), cap(r.buf))
	}
	for range 10 {
		r.drop()
	}
	if r.len() != 0 || r.first() != nil {
		t.Errorf("%d events are left", r.len())
	}
}
