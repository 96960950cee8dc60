package server_test

import (
	"testing"

	"backbone/internal/hub"
	"backbone/internal/server"
)

// BenchmarkForeign is what it costs to hold an event of another instance to the protocol.
func BenchmarkForeign(b *testing.B) {
	e := hub.BroadcastEvent{
		Room: "BTC_USDT", Type: "price_update", Version: hub.Version{Clock: 1, Instance: "A"},
		Payload: `{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`,
	}
	valid := server.NewValid()
	b.ReportAllocs()
	for b.Loop() {
		if !valid(&e) {
			b.Fatal("refused")
		}
	}
}
