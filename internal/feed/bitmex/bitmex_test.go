package bitmex

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: messages of 2019 to 2025 in public
// repositories, see docs/feeds.md.
func TestMessages(t *testing.T) {
	sold := feed.Price{Symbol: "XBTUSD", Text: "70123.50", TS: 1790000000123, ID: "00000000-006d-1000-0000-0000000000a1", Size: "900", Side: feed.Sell}
	bought := feed.Price{Symbol: "XBT_USDT", Text: "0.03191", TS: 1790000000124, ID: "a9371640-0000-0000-0000-31f7b7afb06d", Size: "1", Side: feed.Buy}
	settled := feed.Price{Symbol: "XBTUSD", Text: "22957.36", TS: 1790000000123, ID: "cea62111-0000-0000-0000-f0b6ae16695f", Size: "1500"}
	alive := []feed.Event{{Kind: feed.EventAlive}}
	feedtest.Messages(t, New(), feed.Trades, []string{"XBTUSD", "XBT_USDT"}, []feedtest.Message{
		{Text: `{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"2026-09-21T13:33:20.123Z","limit":{"remaining":39}}`, Want: alive},
		{Text: `{"success":true,"subscribe":"trade:XBTUSD","request":{"op":"subscribe","args":["trade:XBTUSD"]}}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "XBTUSD"}}},
		{Text: `{"success":true,"subscribe":"trade:ETHUSD","request":{}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"ETHUSD"`}}},
		{
			Text: `{"table":"trade","action":"partial","keys":[],"types":{"timestamp":"timestamp"},"filter":{"symbol":"XBTUSD"},"data":[{"timestamp":"2026-09-21T14:13:20.123Z","symbol":"XBTUSD","side":"Sell","size":900,"price":70123.50,"tickDirection":"MinusTick","trdMatchID":"00000000-006d-1000-0000-0000000000a1","grossValue":1581300}]}`,
			Want: []feed.Event{{Kind: feed.EventSnapshot, Price: sold}},
		},
		{
			Text: `{"table":"trade","action":"insert","data":[{"timestamp":"2026-09-21T14:13:20.123Z","symbol":"XBTUSD","size":1500,"price":22957.36,"trdMatchID":"cea62111-0000-0000-0000-f0b6ae16695f","trdType":"Settlement"},` +
				`{"timestamp":"2026-09-21T14:13:20.124Z","symbol":"XBT_USDT","side":"Buy","size":1,"price":0.03191,"trdMatchID":"a9371640-0000-0000-0000-31f7b7afb06d","trdType":"Regular"}]}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: settled}, {Kind: feed.EventPrice, Price: bought}},
		},
		{Text: `{"table":"trade","action":"partial","data":[]}`, Want: alive},
		{Text: `pong`, Want: alive},
		{Text: `{"status":400,"error":"Unknown or expired symbol.","meta":{},"request":{"op":"subscribe","args":["trade:XBTUSD"]}}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "XBTUSD", Text: "Unknown or expired symbol."}}},
		{Text: `{"status":429,"error":"Rate limit exceeded, retry in 10 seconds.","meta":{"retryAfter":10},"request":"x"}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Rate limit exceeded, retry in 10 seconds."}}},
		{Text: `{"status":400,"error":"Unknown table","request":{"op":"subscribe","args":["a:B","c:D"]}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Unknown table"}}},
		{Text: `{"table":"quote","action":"insert","data":[{"symbol":"XBTUSD","bidPrice":1}]}`},
		{Text: `{"table":"trade","action":"delete","data":[]}`},
		{Text: `{"table":"trade","action":"insert","data":{"symbol":"XBTUSD"}}`, Fails: true},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"XBTUSD", ".BXBT"}, `{"op":"subscribe","args":["trade:XBTUSD"]}`, `{"op":"subscribe","args":["trade:.BXBT"]}`)
	for _, wrong := range []string{"BTC/USD", "trade:XBTUSD", "XBT USD", "A,B"} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
