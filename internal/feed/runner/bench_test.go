package runner

import (
	"context"
	"strconv"
	"testing"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/binance"
)

// BenchmarkHear is what one trade of Binance costs from its frame to the outlet: decoded, put in
// order, told apart from what was published, and handed over in batches as they arise.
func BenchmarkHear(b *testing.B) {
	r, err := New(Options{Exchange: binance.Spot(), Request: feed.Request{Kind: feed.Trades, Symbols: []string{"BTCUSDT", "ETHUSDT"}}})
	if err != nil {
		b.Fatal(err)
	}
	k := newKeeper(r, 0)
	now := time.Now()
	k.now = &life{session: k.part.New(), free: make(chan []byte, 64), waiting: map[string]bool{}, born: now, heard: now}
	const head, tail = `{"e":"trade","E":1790000000125,"s":"BTCUSDT","t":`, `,"p":"70123.45000000","q":"0.00120000","T":1790000000123,"m":true,"M":true}`
	var frame []byte
	n, batch := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		frame = append(strconv.AppendInt(append(frame[:0], head...), int64(n), 10), tail...)
		if err := k.hear(context.Background(), k.now, input{op: feed.Text, data: frame}); err != nil {
			b.Fatal(err)
		}
		<-k.now.free // the reader's buffer
		if batch++; batch == 64 {
			if len(k.queue) != batch {
				b.Fatalf("%d prices of %d messages", len(k.queue), batch)
			}
			k.queue, batch = nil, 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
