package hyperliquid

import (
	"strconv"
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: messages of 2024 to 2026 in public
// repositories, see docs/feeds.md.
func TestMessages(t *testing.T) {
	bought := feed.Price{Symbol: "BTC", Text: "70123.0", TS: 1790000000123, ID: "611000000000041", Size: "0.38", Side: feed.Buy}
	sold := feed.Price{Symbol: "@107", Text: "35.276", TS: 1790000000123, ID: "229000000000042", Size: "5.78", Side: feed.Sell}
	alive := []feed.Event{{Kind: feed.EventAlive}}
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC", "@107"}, []feedtest.Message{
		{Text: "Websocket connection established.", Want: alive},
		{Text: `{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"@107"}}}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "@107"}}},
		{Text: `{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"ETH"}}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"ETH"`}}},
		{
			Text: `{"channel":"trades","data":[{"coin":"BTC","side":"B","px":"70123.0","sz":"0.38","time":1790000000123,"hash":"0xab","tid":611000000000041,"users":["0x01","0x02"]},` +
				`{"coin":"@107","side":"A","px":"35.276","sz":"5.78","time":1790000000123,"hash":"0xab","tid":229000000000042}]}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}, {Kind: feed.EventPrice, Price: sold}},
		},
		{Text: `{"channel":"trades","data":[]}`, Want: alive},
		{Text: `{"channel":"pong"}`, Want: alive},
		{Text: `{"channel":"error","data":"Invalid subscription {\"type\":\"trades\",\"coin\":\"BTC\"}"}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "BTC", Text: `Invalid subscription {"type":"trades","coin":"BTC"}`}}},
		{Text: `{"channel":"error","data":"Already subscribed: {\"type\":\"trades\",\"coin\":\"BTC\"}"}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "BTC"}}},
		{Text: `{"channel":"error","data":"Invalid subscription {\"type\":\"trades\",\"coin\":\"ETH\"}"}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: `Invalid subscription {"type":"trades","coin":"ETH"}`}}},
		{Text: `{"channel":"error","data":"Too many requests"}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Too many requests"}}},
		{Text: `{"channel":"bbo","data":{"coin":"BTC","time":1790000000123,"bbo":[]}}`},
		{Text: `{"channel":"trades","data":{"coin":"BTC"}}`, Fails: true},
		{Text: `Websocket connection`, Fails: true},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTC", "@107"},
		`{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}`, `{"method":"subscribe","subscription":{"type":"trades","coin":"@107"}}`)
	many := make([]string, maxSymbols+1)
	for i := range many {
		many[i] = "@" + strconv.Itoa(i)
	}
	for _, wrong := range [][]string{{"BTC USD"}, {`"BTC"`}, many} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: wrong}); err == nil {
			t.Errorf("%d symbols as %s are taken", len(wrong), wrong[0])
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
