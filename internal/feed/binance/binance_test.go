package binance

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: binance-spot-api-docs of 2026-07 and the
// notice about USD-M futures of 2026-03, see docs/feeds.md.
func TestMessages(t *testing.T) {
	trade := feed.Price{Symbol: "BTCUSDT", Text: "70123.45000000", TS: 1790000000123, Seq: 61, ByOne: true, ID: "61", Size: "0.00120000", Side: feed.Sell}
	aggregate := trade
	aggregate.Seq, aggregate.ID = 9, "9"
	bought := trade
	bought.Side = feed.Buy
	feedtest.Messages(t, Spot(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, []feedtest.Message{
		{Text: `{"e":"trade","E":1790000000125,"s":"BTCUSDT","t":61,"p":"70123.45000000","q":"0.00120000","T":1790000000123,"m":true,"M":true}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: trade}}},
		{Text: `{"stream":"btcusdt@trade","data":{"e":"trade","E":1790000000125,"s":"BTCUSDT","t":61,"p":"70123.45000000","q":"0.00120000","T":1790000000123,"m":false,"M":true}}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}}},
		{Text: `{"result":null,"id":1}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventAck, Symbol: "BTCUSDT"}, {Kind: feed.EventAck, Symbol: "ethusdt"}}},
		{Text: `{"e":"serverShutdown","E":1790000000125}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "the exchange announces that it will end the connection"}}},
		{Text: `{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000125}}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "the exchange announces that it will end the connection"}}},
		{Text: `{"code":2,"msg":"Invalid request: unknown variant","id":7}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Invalid request: unknown variant"}}},
		{Text: `{"error":{"code":3,"msg":"Invalid JSON"},"id":7}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Invalid JSON"}}},
		{Text: `{"e":"blockTrade","E":1790000000125,"s":"BTCUSDT","p":"1"}`},
		{Text: `[{"e":"trade"}]`, Fails: true},
	})
	feedtest.Messages(t, USDM(), feed.Trades, []string{"BTCUSDT"}, []feedtest.Message{
		{Text: `{"e":"aggTrade","E":1790000000125,"a":9,"s":"BTCUSDT","p":"70123.45000000","q":"0.00120000","f":88,"l":90,"T":1790000000123,"m":true,"st":1}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: aggregate}}},
		{Text: `{"result":["btcusdt@aggTrade"],"id":0}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
	})
	feedtest.Messages(t, Spot(), feed.Tickers, []string{"BTCUSDT"}, []feedtest.Message{
		{
			Text: `{"e":"24hrTicker","E":1790000000125,"s":"BTCUSDT","p":"-131.4","P":"-0.7","w":"2","c":"70123.40","Q":"0.002","b":"70123.30","B":"1","a":"70123.50","A":"2","o":"1","h":"3","l":"1","v":"4","q":"5","O":0,"C":1790000000123,"F":1,"L":2,"n":2}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTCUSDT", Text: "70123.40", TS: 1790000000125, Bid: "70123.30", Ask: "70123.50"}}},
		},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, Spot(), feed.Trades, []string{"BTCUSDT", "ethusdt"}, `{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@trade"],"id":1}`)
	feedtest.Asks(t, USDM(), feed.Trades, []string{"BTCUSDT"}, `{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}`)
	feedtest.Asks(t, USDM(), feed.Tickers, []string{"BTCUSDT"}, `{"method":"SUBSCRIBE","params":["btcusdt@ticker"],"id":1}`)
	for _, symbols := range [][]string{{"BTC/USDT"}, {"btcusdt@trade"}, {"BTCUSDT", "btcusdt"}} {
		if _, err := Spot().Plan(feed.Request{Symbols: symbols}); err == nil {
			t.Errorf("%s are taken", symbols)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, Spot()) }

func FuzzDecodeUSDM(f *testing.F) { feedtest.Fuzz(f, USDM()) }

func BenchmarkDecode(b *testing.B) {
	feedtest.Benchmark(b, Spot(), []string{"BTCUSDT"}, `{"e":"trade","E":1790000000125,"s":"BTCUSDT","t":61,"p":"70123.45000000","q":"0.00120000","T":1790000000123,"m":true,"M":true}`)
}
