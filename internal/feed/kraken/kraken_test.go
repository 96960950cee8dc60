package kraken

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: docs.kraken.com, and messages of 2024 to
// 2026, see docs/feeds.md.
func TestMessages(t *testing.T) {
	bought := feed.Price{Symbol: "BTC/USD", Text: "70123.0", TS: 1784887200123, Seq: 41, ByOne: true, ID: "41", Size: "0.01500000", Side: feed.Buy}
	sold := feed.Price{Symbol: "BTC/USD", Text: "70122.9", TS: 1784887200124, Seq: 42, ByOne: true, ID: "42", Size: "0.0025", Side: feed.Sell}
	const two = `[{"symbol":"BTC/USD","side":"buy","price":70123.0,"qty":0.01500000,"ord_type":"limit","trade_id":41,"timestamp":"2026-07-24T10:00:00.123456Z"},` +
		`{"symbol":"BTC/USD","side":"sell","price":70122.9,"qty":0.0025,"ord_type":"market","trade_id":42,"timestamp":"2026-07-24T10:00:00.124Z"}]`
	alive := []feed.Event{{Kind: feed.EventAlive}}
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC/USD", "ETH/EUR"}, []feedtest.Message{
		{Text: `{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2","connection_id":15000000000000000001,"version":"2.0.9"}]}`, Want: alive},
		{Text: `{"method":"subscribe","req_id":1,"result":{"channel":"trade","snapshot":true,"symbol":"ETH/EUR"},"success":true,"time_in":"2026-07-24T10:00:00.1Z","time_out":"2026-07-24T10:00:00.2Z"}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "ETH/EUR"}}},
		{Text: `{"channel":"trade","type":"snapshot","data":` + two + `}`, Want: []feed.Event{{Kind: feed.EventSnapshot, Price: bought}, {Kind: feed.EventSnapshot, Price: sold}}},
		{Text: `{"channel":"trade","type":"update","data":` + two + `}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}, {Kind: feed.EventPrice, Price: sold}}},
		{Text: `{"channel":"heartbeat"}`, Want: alive},
		{Text: `{"method":"pong","time_in":"2026-07-24T10:00:00.1Z","time_out":"2026-07-24T10:00:00.2Z"}`, Want: alive},
		{Text: `{"error":"Currency pair not supported ETH/EUR","method":"subscribe","req_id":1,"success":false,"symbol":"ETH/EUR"}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "ETH/EUR", Text: "Currency pair not supported ETH/EUR"}}},
		{Text: `{"error":"Currency pair not supported BTC/USD","success":false}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "BTC/USD", Text: "Currency pair not supported BTC/USD"}}},
		{Text: `{"error":"Subscription name invalid","method":"subscribe","req_id":1,"success":false}`, Want: []feed.Event{
			{Kind: feed.EventAlive},
			{Kind: feed.EventSend, Frame: feed.TextFrame(`{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":true},"req_id":2}`)},
			{Kind: feed.EventSend, Frame: feed.TextFrame(`{"method":"subscribe","params":{"channel":"trade","symbol":["ETH/EUR"],"snapshot":true},"req_id":3}`)},
		}},
		{Text: `{"error":"Already subscribed","method":"subscribe","req_id":2,"success":false}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventAck, Symbol: "BTC/USD"}}},
		{Text: `{"error":"Subscription name invalid","method":"subscribe","req_id":3,"success":false}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventReject, Symbol: "ETH/EUR", Text: "Subscription name invalid"}}},
		{Text: `{"error":"Malformed request","success":false}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Malformed request"}}},
		{Text: `{"channel":"ohlc","type":"update","data":[]}`},
		{Text: `{"channel":"trade","type":"update","data":{"symbol":"BTC/USD"}}`, Fails: true},
		{Text: `[0,[["1"]],"trade","XBT/USD"]`, Fails: true},
	})
	ticker := feed.Price{Symbol: "BTC/USD", Text: "70123.40", TS: 1784887200123, Bid: "70123.3", Ask: "70123.50"}
	untimed := ticker
	untimed.TS = 0
	feedtest.Messages(t, New(), feed.Tickers, []string{"BTC/USD"}, []feedtest.Message{
		{Text: `{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":70123.3,"bid_qty":1.0,"ask":70123.50,"ask_qty":2.5,"last":70123.40,"volume":1.5,"vwap":7.0,"low":1.0,"high":9.5,"change":-2.0,"change_pct":-0.1,"timestamp":"2026-07-24T10:00:00.123456Z"}]}`, Want: []feed.Event{{Kind: feed.EventSnapshot, Price: ticker}}},
		{Text: `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":70123.3,"ask":70123.50,"last":70123.40}]}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: untimed}}},
		{Text: `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":70123.3,"ask":70123.50,"timestamp":"2026-07-24T10:00:00.123456Z"}]}`, Want: alive},
		{Text: `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":0,"ask":0,"last":0.0,"timestamp":"1970-01-01T00:00:00.000000Z"}]}`, Want: alive},
		{Text: `{"channel":"ticker","type":"update","data":[{"symbol":"SOL/USD","last":1.0}]}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"SOL/USD"`}}},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTC/USD", "AAPLx/USD"}, `{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","AAPLx/USD"],"snapshot":true},"req_id":1}`)
	feedtest.Asks(t, New(), feed.Tickers, []string{"BTC/USD"}, `{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"],"snapshot":true},"req_id":1}`)
	for _, symbol := range []string{"BTCUSD", "BTC/", "/USD", "BTC/USD/EUR", "XBT/USD", "ETH/XBT", "XDG/USD"} {
		if _, err := New().Plan(feed.Request{Symbols: []string{symbol}}); err == nil {
			t.Errorf("%s is taken", symbol)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
