package bybit

import (
	"strconv"
	"strings"
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: bybit-exchange/docs of 2026-07 and a session of
// 2026-08, see docs/feeds.md.
func TestMessages(t *testing.T) {
	first := feed.Price{Symbol: "BTCUSDT", Text: "70123.4", TS: 1790000000123, ID: "5d2c1f00-0000-4000-8000-000000000001", Size: "0.010", Side: feed.Buy}
	second := feed.Price{Symbol: "BTCUSDT", Text: "70123.50", TS: 1790000000124, ID: "5d2c1f00-0000-4000-8000-000000000002", Size: "1", Side: feed.Sell}
	feedtest.Messages(t, Linear(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, []feedtest.Message{
		{
			Text: `{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1790000000130,"data":[` +
				`{"T":1790000000123,"s":"BTCUSDT","S":"Buy","v":"0.010","p":"70123.4","L":"PlusTick","i":"5d2c1f00-0000-4000-8000-000000000001","BT":false,"RPI":false,"seq":4},` +
				`{"T":1790000000124,"s":"BTCUSDT","S":"Sell","v":"1","p":"70123.50","L":"PlusTick","i":"5d2c1f00-0000-4000-8000-000000000002","BT":true,"seq":5}]}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: first}, {Kind: feed.EventPrice, Price: second}},
		},
		{Text: `{"success":true,"ret_msg":"","conn_id":"c","req_id":"1","op":"subscribe"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventAck, Symbol: "BTCUSDT"}, {Kind: feed.EventAck, Symbol: "ethusdt"}}},
		{Text: `{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
		{Text: `{"op":"pong","args":["1790000000123"],"conn_id":"c"}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
		{Text: `{"success":false,"ret_msg":"Invalid topic","conn_id":"c","op":"subscribe"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Invalid topic"}}},
		{Text: `{"topic":"kline.1.BTCUSDT","data":[]}`},
		{Text: `{"topic":"publicTrade.BTCUSDT","data":{"T":1}}`, Fails: true},
	})
	ticker := feed.Price{Symbol: "BTCUSDT", Text: "70123.40", TS: 1790000000130, Bid: "70123.30", Ask: "70123.50"}
	feedtest.Messages(t, Linear(), feed.Tickers, []string{"BTCUSDT"}, []feedtest.Message{
		{Text: `{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"70123.40","bid1Price":"70123.30","ask1Price":"70123.50"},"cs":1,"ts":1790000000130}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventPrice, Price: ticker}}},
		{Text: `{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"1","bid1Price":"70123.35"},"cs":2,"ts":1790000000230}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
		{
			Text: `{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","lastPrice":"70123.45"},"cs":3,"ts":1790000000330}`,
			Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTCUSDT", Text: "70123.45", TS: 1790000000330, Bid: "70123.35", Ask: "70123.50"}}},
		},
	})
	feedtest.Messages(t, Spot(), feed.Tickers, []string{"BTCUSDT"}, []feedtest.Message{
		{
			Text: `{"topic":"tickers.BTCUSDT","ts":1790000000130,"type":"snapshot","cs":1,"data":{"symbol":"BTCUSDT","lastPrice":"70123.4","volume24h":"1","usdIndexPrice":"2"}}`,
			Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTCUSDT", Text: "70123.4", TS: 1790000000130}}},
		},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, Linear(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, `{"req_id":"1","op":"subscribe","args":["publicTrade.BTCUSDT","publicTrade.ETHUSDT"]}`)
	feedtest.Asks(t, Spot(), feed.Tickers, strings.Fields("A B C D E F G H I J K"),
		`{"req_id":"1","op":"subscribe","args":["tickers.A","tickers.B","tickers.C","tickers.D","tickers.E","tickers.F","tickers.G","tickers.H","tickers.I","tickers.J"]}`,
		`{"req_id":"2","op":"subscribe","args":["tickers.K"]}`)
	var many []string
	for range 3000 {
		many = append(many, "X"+strings.Repeat("Y", len(many)%20)+strconv.Itoa(len(many))) // each its own
	}
	parts, err := Linear().Plan(feed.Request{Kind: feed.Trades, Symbols: many})
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d connections, %v", len(parts), err)
	}
	for _, p := range parts {
		text := 0
		for _, s := range p.Symbols {
			text += len("publicTrade.") + len(s) + len(`"",`)
		}
		if text > maxText {
			t.Errorf("a connection has topics of %d characters", text)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, Spot()) }

func FuzzDecodeLinear(f *testing.F) { feedtest.Fuzz(f, Linear()) }
