package okx

import (
	"strconv"
	"strings"
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: www.okx.com/docs-v5, and messages of 2022
// to 2026, see docs/feeds.md.
func TestMessages(t *testing.T) {
	sold := feed.Price{Symbol: "BTC-USDT", Text: "70123.4", TS: 1784887200123, Seq: 41, ID: "41", Size: "0.00524071", Side: feed.Sell}
	bought := feed.Price{Symbol: "BTC-USDT", Text: "70123.50", TS: 1784887200124, Seq: 46, ID: "46", Size: "1", Side: feed.Buy}
	alive := feed.Event{Kind: feed.EventAlive}
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC-USDT", "ETH-USDT-SWAP", "SOL-USDT"}, []feedtest.Message{
		{Text: `{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"c0ffee01"}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "BTC-USDT"}}},
		{
			Text: `{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"41","px":"70123.4","sz":"0.00524071","side":"sell","ts":"1784887200123","count":"1","source":"0","seqId":9},` +
				`{"instId":"BTC-USDT","tradeId":"46","px":"70123.50","sz":"1","side":"buy","ts":"1784887200124"}]}`,
			Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: sold}, {Kind: feed.EventPrice, Price: bought}},
		},
		{Text: `{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[]}`, Want: []feed.Event{alive}},
		{Text: `pong`, Want: []feed.Event{alive}},
		{Text: `{"event":"error","msg":"Wrong URL or channel:trades,instId:SOL-USDT doesn't exist.","code":"60018","connId":"c0ffee01"}`, Want: []feed.Event{
			alive, {Kind: feed.EventReject, Symbol: "SOL-USDT", Text: "Wrong URL or channel:trades,instId:SOL-USDT doesn't exist."},
			{Kind: feed.EventSend, Frame: feed.TextFrame(`{"op":"subscribe","args":[{"channel":"trades","instId":"ETH-USDT-SWAP"}]}`)},
		}},
		{Text: `{"event":"error","msg":"Wrong URL or channel:trades,instId:ETH-USDT-SWAP doesn't exist.","code":"60018"}`, Want: []feed.Event{
			alive, {Kind: feed.EventReject, Symbol: "ETH-USDT-SWAP", Text: "Wrong URL or channel:trades,instId:ETH-USDT-SWAP doesn't exist."},
		}},
		{Text: `{"event":"error","msg":"Requests too frequent","code":"60014"}`, Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Requests too frequent"}}},
		{Text: `{"event":"notice","code":"64008","msg":"It will be closed.","connId":"c0ffee01"}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "It will be closed."}}},
		{Text: `{"event":"notice","code":"64000","msg":"Something else."}`, Want: []feed.Event{alive}},
		{Text: `{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"c0ffee01"}`, Want: []feed.Event{alive}},
		{Text: `{"event":"subscribe","arg":{"channel":"trades","instId":"XRP-USDT"}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"XRP-USDT"`}}},
		{Text: `{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[]}`},
		{Text: `ping`, Fails: true},
		{Text: `{"arg":{"channel":"trades"},"data":{}}`, Fails: true},
	})
	feedtest.Messages(t, New(), feed.Tickers, []string{"BTC-USDT"}, []feedtest.Message{
		{
			Text: `{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"70123.40","lastSz":"1","askPx":"70123.5","askSz":"2","bidPx":"70123.3","bidSz":"3","ts":"1784887200123"}]}`,
			Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC-USDT", Text: "70123.40", TS: 1784887200123, Bid: "70123.3", Ask: "70123.5"}}},
		},
		{
			Text: `{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","last":"","ts":"1784887200124"}]}`,
			Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.BadPrice, Text: `BTC-USDT: the price must be a JSON number, not ""`}},
		},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTC-USDT", "ETH-USDT-SWAP"}, `{"op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"trades","instId":"ETH-USDT-SWAP"}]}`)
	feedtest.Asks(t, New(), feed.Tickers, []string{"BTC-USDT"}, `{"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}`)
	for _, symbol := range []string{"BTCUSDT", "BTC/USDT", "BTC-", "-USDT", "BTC-USDT,ETH-USDT"} {
		if _, err := New().Plan(feed.Request{Symbols: []string{symbol}}); err == nil {
			t.Errorf("%s is taken", symbol)
		}
	}
	var many []string
	for n := range 2 * maxSymbols {
		many = append(many, "X"+strings.Repeat("Y", n%20)+"-"+strconv.Itoa(n))
	}
	parts, err := New().Plan(feed.Request{Kind: feed.Tickers, Symbols: many})
	if err != nil || len(parts) != 2 {
		t.Fatalf("%d connections, %v", len(parts), err)
	}
	for _, p := range parts {
		for _, f := range p.New().Open() {
			if len(f.Data) > maxRequest {
				t.Errorf("a request has %d bytes", len(f.Data))
			}
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
