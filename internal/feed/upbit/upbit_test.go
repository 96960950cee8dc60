package upbit

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: docs.upbit.com as of 2026 and messages of 2021
// and 2023 in public repositories, see docs/feeds.md.
func TestMessages(t *testing.T) {
	binary := func(text string, want ...feed.Event) feedtest.Message {
		return feedtest.Message{Text: text, Frame: say(text), Want: want}
	}
	sold := feed.Price{Symbol: "KRW-BTC", Text: "152340000.0", TS: 1790000000123, ID: "1790000000123000", Size: "0.00412", Side: feed.Sell}
	bought := feed.Price{Symbol: "krw-shib", Text: "9.9E-7", TS: 1790000000123, ID: "1790000000123001", Size: "8.428e-05", Side: feed.Buy}
	feedtest.Messages(t, New(), feed.Trades, []string{"KRW-BTC", "krw-shib"}, []feedtest.Message{
		binary(`{"type":"trade","code":"KRW-BTC","timestamp":1790000000190,"trade_date":"2026-09-21","trade_time":"14:13:20","trade_timestamp":1790000000123,"trade_price":152340000.0,"trade_volume":0.00412,"ask_bid":"ASK","prev_closing_price":1,"change":"RISE","change_price":0.9,"sequential_id":1790000000123000,"stream_type":"SNAPSHOT"}`,
			feed.Event{Kind: feed.EventSnapshot, Price: sold}),
		binary(`{"type":"trade","code":"KRW-SHIB","timestamp":1790000000190,"trade_timestamp":1790000000123,"trade_price":9.9E-7,"trade_volume":8.428e-05,"ask_bid":"BID","sequential_id":1790000000123001,"best_ask_price":3,"stream_type":"REALTIME"}`,
			feed.Event{Kind: feed.EventPrice, Price: bought}),
		binary(`{"type":"trade","code":"KRW-ETH","trade_price":1}`, feed.Event{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"KRW-ETH"`}),
		binary(`{"status":"UP"}`, feed.Event{Kind: feed.EventAlive}),
		binary(`{"error":{"name":"INVALID_PARAM","message":"codes"}}`, feed.Event{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "INVALID_PARAM: codes"}),
		binary(`{"type":"orderbook","code":"KRW-BTC"}`),
		{Text: `{"status":"UP"}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
		{Text: `[{"type":"trade"}]`, Fails: true},
	})
	ticker := feed.Price{Symbol: "KRW-BTC", Text: "152340000.0", TS: 1790000000190}
	feedtest.Messages(t, New(), feed.Tickers, []string{"KRW-BTC"}, []feedtest.Message{
		binary(`{"type":"ticker","code":"KRW-BTC","opening_price":1,"trade_price":152340000.0,"ask_bid":"ASK","trade_volume":0.0006,"trade_timestamp":1790000000123,"delisting_date":null,"timestamp":1790000000190,"stream_type":"REALTIME"}`,
			feed.Event{Kind: feed.EventPrice, Price: ticker}),
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"KRW-BTC", "krw-eth"}, `[{"ticket":"backbone"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]}]`)
	feedtest.Asks(t, New(), feed.Tickers, []string{"USDT-XRP"}, `[{"ticket":"backbone"},{"type":"ticker","codes":["USDT-XRP"]}]`)
	for _, wrong := range []string{"BTCKRW", "KRW-", "-BTC", "KRW/BTC", "KRW-B TC"} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
