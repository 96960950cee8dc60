package bitfinex

import (
	"strconv"
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: docs.bitfinex.com, and sessions of 2021 and
// 2025-08, see docs/feeds.md.
func TestMessages(t *testing.T) {
	bought := feed.Price{Symbol: "tBTCUSD", Text: "70123.0", TS: 1784887200123, Seq: 41, ID: "41", Size: "0.00991467", Side: feed.Buy}
	sold := feed.Price{Symbol: "tBTCUSD", Text: "5.1e-7", TS: 1784887200124, Seq: 42, ID: "42", Size: "5", Side: feed.Sell}
	alive := feed.Event{Kind: feed.EventAlive}
	feedtest.Messages(t, New(), feed.Trades, []string{"tBTCUSD", "tDOGE:USD"}, []feedtest.Message{
		{Text: `{"event":"info","version":2,"serverId":"c","platform":{"status":1}}`, Want: []feed.Event{alive}},
		{Text: `[17,"te",[41,1784887200123,0.00991467,70123.0]]`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `channel "17"`}}},
		{Text: `{"event":"subscribed","channel":"trades","chanId":17,"symbol":"tBTCUSD","pair":"BTCUSD"}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "tBTCUSD"}}},
		{Text: `[17,[[42,1784887200124,-5,5.1e-7],[41,1784887200123,0.00991467,70123.0]]]`, Want: []feed.Event{alive, {Kind: feed.EventSnapshot, Price: sold}, {Kind: feed.EventSnapshot, Price: bought}}},
		{Text: `[17,[]]`, Want: []feed.Event{alive}},
		{Text: `[17,"te",[41,1784887200123,0.00991467,70123.0]]`, Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}}},
		{Text: `[17,"te",[42,1784887200124,-5,5.1e-7,null,"new"],1204,1784887200130]`, Want: []feed.Event{{Kind: feed.EventPrice, Price: sold}}},
		{Text: `[17,"te",[42,1784887200124]]`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.BadPrice, Text: `tBTCUSD: the price must be a JSON number, not ""`}}},
		{Text: `[17,"tu",[41,1784887200123,0.00991467,70123.0]]`, Want: []feed.Event{alive}},
		{Text: `[17,"hb"]`, Want: []feed.Event{alive}},
		{Text: `[17,"fte",[41,1784887200123,0.5,0.0001,30]]`},
		{Text: `{"channel":"trades","symbol":"tDOGE:USD","event":"error","msg":"symbol: invalid","code":10300,"pair":"DOGE:USD"}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "tDOGE:USD", Text: "symbol: invalid"}}},
		{Text: `{"symbol":"tBTCUSD","event":"error","msg":"subscribe: dup","code":10301}`, Want: []feed.Event{alive}},
		{Text: `{"event":"error","msg":"Unknown event","code":10000}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Unknown event"}}},
		{Text: `{"event":"info","code":20051,"msg":"restart"}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "restart"}}},
		{Text: `{"event":"info","code":20060,"msg":"maintenance"}`, Want: []feed.Event{alive}},
		{Text: `{"event":"info","code":20061,"msg":"resumed"}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "resumed"}}},
		{Text: `{"event":"conf","status":"OK"}`},
		{Text: `[17]`, Fails: true},
		{Text: `[17,{"a":1}]`, Fails: true},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"tBTCUSD", "tDOGE:USD"}, `{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}`, `{"event":"subscribe","channel":"trades","symbol":"tDOGE:USD"}`)
	for _, symbol := range []string{"BTCUSD", "fUSD", "tBTC", "tBTC/USD", "tBTC-USD"} {
		if _, err := New().Plan(feed.Request{Symbols: []string{symbol}}); err == nil {
			t.Errorf("%s is taken", symbol)
		}
	}
	var many []string
	for n := range 60 {
		many = append(many, "tCOIN"+strconv.Itoa(n)+":USD")
	}
	if parts, err := New().Plan(feed.Request{Symbols: many}); err != nil || len(parts) != 3 || len(parts[0].Symbols) != 25 {
		t.Errorf("%d connections for 60 symbols, %v", len(parts), err)
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
