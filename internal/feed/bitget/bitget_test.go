package bitget

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: messages of 2024 in public repositories, see
// docs/feeds.md.
func TestMessages(t *testing.T) {
	first := feed.Price{Symbol: "BTCUSDT", Text: "70123.40", TS: 1790000000123, ID: "1430000000000000041", Size: "0.0010", Side: feed.Buy}
	second := feed.Price{Symbol: "BTCUSDT", Text: "70123.4", TS: 1790000000123, ID: "1430000000000000042", Size: "2", Side: feed.Sell}
	const (
		one = `{"ts":"1790000000123","price":"70123.40","size":"0.0010","side":"buy","tradeId":"1430000000000000041"}`
		two = `{"ts":"1790000000123","price":"70123.4","size":"2","side":"sell","tradeId":"1430000000000000042"}`
		arg = `"arg":{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"}`
	)
	live := []feed.Event{{Kind: feed.EventPrice, Price: first}, {Kind: feed.EventPrice, Price: second}}
	alive := []feed.Event{{Kind: feed.EventAlive}}
	feedtest.Messages(t, Spot(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, []feedtest.Message{
		{Text: `{"event":"subscribe","arg":{"instType":"SPOT","channel":"trade","instId":"ETHUSDT"}}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "ethusdt"}}},
		{Text: `{"action":"snapshot",` + arg + `,"data":[` + two + `,` + one + `],"ts":1790000000130}`, Want: []feed.Event{{Kind: feed.EventSnapshot, Price: first}, {Kind: feed.EventSnapshot, Price: second}}},
		{Text: `{"action":"update",` + arg + `,"data":[` + two + `,` + one + `],"ts":1790000000130}`, Want: live},
		{Text: `{"action":"update",` + arg + `,"data":[` + one + `,` + two + `],"ts":1790000000130}`, Want: live}, // in the other order
		{Text: `{"action":"update",` + arg + `,"data":[],"ts":1790000000130}`, Want: alive},
		{Text: `pong`, Want: alive},
		{Text: `{"event":"error","arg":{"instType":"SPOT","channel":"trade","instId":"ETHUSDT"},"code":30001,"msg":"no such instrument"}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "ethusdt", Text: "no such instrument"}}},
		{Text: `{"event":"error","code":30006,"msg":"request too many"}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "request too many"}}},
		{Text: `{"action":"update","arg":{"instType":"SPOT","channel":"trade","instId":"XRPUSDT"},"data":[` + one + `]}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"XRPUSDT"`}}},
		{Text: `{"action":"update","arg":{"instType":"USDT-FUTURES","channel":"trade","instId":"BTCUSDT"},"data":[` + one + `]}`},
		{Text: `{"action":"snapshot","arg":{"instType":"SPOT","channel":"books5","instId":"BTCUSDT"},"data":[]}`},
		{Text: `{"action":"update",` + arg + `,"data":{"ts":"1"}}`, Fails: true},
		{Text: `ping?`, Fails: true},
	})
	ticker := feed.Price{Symbol: "BTCUSDT", Text: "70123.40", TS: 1790000000123, Bid: "70123.3", Ask: "70123.50"}
	feedtest.Messages(t, Futures(), feed.Tickers, []string{"BTCUSDT"}, []feedtest.Message{
		{Text: `{"action":"snapshot","arg":{"instType":"USDT-FUTURES","channel":"ticker","instId":"BTCUSDT"},"data":[{"instId":"BTCUSDT","lastPr":"70123.40","bidPr":"70123.3","askPr":"70123.50","bidSz":"1","askSz":"2","markPrice":"70120","ts":"1790000000123"}],"ts":1790000000130}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: ticker}}},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, Spot(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, `{"op":"subscribe","args":[{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"},{"instType":"SPOT","channel":"trade","instId":"ETHUSDT"}]}`)
	feedtest.Asks(t, Futures(), feed.Tickers, []string{"BTCUSDT"}, `{"op":"subscribe","args":[{"instType":"USDT-FUTURES","channel":"ticker","instId":"BTCUSDT"}]}`)
	for _, wrong := range []string{"BTC-USDT", "BTC/USDT", "BTCUSDT_SPBL"} {
		if _, err := Spot().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, Spot()) }

func FuzzDecodeFutures(f *testing.F) { feedtest.Fuzz(f, Futures()) }
