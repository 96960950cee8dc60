package common

import "testing"

func TestScratchIsUsedAgain(t *testing.T) {
	t.Parallel()
	dec, msg := NewDecoder(), []byte(`{"type":"t","\u0061":1}`)
	for range 10_000 {
		if _, err := dec.Object(msg); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(dec.obj.scratch); n > 1000 {
		t.Errorf("%d bytes kept", n)
	}
}
