package mapping

import "testing"

// BenchmarkLine reads one trade of an exchange.
func BenchmarkLine(b *testing.B) {
	r, err := New(Spec{Map: "instrument=.s,price=.p,ts=.T", Where: []string{`.e="trade"`}, Unit: "ms"})
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(`{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782136,"m":true,"M":true}`)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := r.Begin(line); !ok || err != nil {
			b.Fatal(ok, err)
		}
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
