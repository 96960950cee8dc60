package htx

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// packed is a message as it comes: gzip in a binary frame.
func packed(text string, want ...feed.Event) feedtest.Message {
	return feedtest.Message{Text: text, Frame: feed.Frame{Op: feed.Binary, Data: feedtest.Gzip([]byte(text))}, Want: want}
}

// The kinds of messages, with numbers of ours. Source: recorded messages in public repositories,
// see docs/feeds.md.
func TestMessages(t *testing.T) {
	first := feed.Price{Symbol: "btcusdt", Text: "70123.40", TS: 1790000000123, Seq: 103000000041, ID: "103000000041", Size: "1.5E-4", Side: feed.Buy}
	second := feed.Price{Symbol: "btcusdt", Text: "6.37E-8", TS: 1790000000124, Seq: 103000000042, ID: "103000000042", Size: "2", Side: feed.Sell}
	unnumbered := feed.Price{Symbol: "btcusdt", Text: "1.5", TS: 1790000000125, Size: "1", Side: feed.Sell}
	broken := packed(`{"ch":"market.btcusdt.trade.detail","tick":{"data":{}}}`)
	broken.Fails = true
	unpacked := feedtest.Message{Frame: feed.Frame{Op: feed.Binary, Data: []byte(`{"ping":1}`)}, Fails: true}
	feedtest.Messages(t, New(), feed.Trades, []string{"btcusdt", "ETHUSDT"}, []feedtest.Message{
		packed(`{"id":"1","status":"ok","subbed":"market.btcusdt.trade.detail","ts":1790000000001}`, feed.Event{Kind: feed.EventAck, Symbol: "btcusdt"}),
		packed(`{"id":null,"status":"ok","subbed":"market.ethusdt.trade.detail","ts":1790000000001}`, feed.Event{Kind: feed.EventAck, Symbol: "ETHUSDT"}),
		packed(`{"id":"9","status":"ok","subbed":"market.xrpusdt.trade.detail","ts":1790000000001}`, feed.Event{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"market.xrpusdt.trade.detail"`}),
		packed(`{"ch":"market.btcusdt.trade.detail","ts":1790000000126,"tick":{"id":170000000001,"ts":1790000000124,"data":[`+
			`{"id":170000000001123456789012345,"ts":1790000000124,"tradeId":103000000042,"amount":2,"price":6.37E-8,"direction":"sell"},`+
			`{"id":170000000001123456789012344,"ts":1790000000123,"tradeId":103000000041,"amount":1.5E-4,"price":70123.40,"direction":"buy"}]}}`,
			feed.Event{Kind: feed.EventPrice, Price: first}, feed.Event{Kind: feed.EventPrice, Price: second}),
		packed(`{"ch":"market.btcusdt.trade.detail","ts":1790000000126,"tick":{"id":1,"ts":1790000000125,"data":[{"id":"170000000001123456789012346","ts":1790000000125,"amount":1,"price":1.5,"direction":"sell"}]}}`,
			feed.Event{Kind: feed.EventPrice, Price: unnumbered}),
		packed(`{"ping":1790000005000}`, feed.Event{Kind: feed.EventSend, Frame: feed.TextFrame(`{"pong":1790000005000}`)}),
		packed(`{"status":"error","ts":1790000000001,"id":"2","err-code":"bad-request","err-msg":"invalid symbol ethusdt"}`,
			feed.Event{Kind: feed.EventAlive}, feed.Event{Kind: feed.EventReject, Symbol: "ETHUSDT", Text: "invalid symbol ethusdt"}),
		packed(`{"status":"error","ts":1790000000001,"id":null,"err-code":"bad-request","err-msg":"invalid command"}`,
			feed.Event{Kind: feed.EventAlive}, feed.Event{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "invalid command"}),
		packed(`{"ch":"market.btcusdt.kline.1min","ts":1790000000126,"tick":[1]}`),
		broken,
		unpacked,
	})
	ticker := feed.Price{Symbol: "ETHUSDT", Text: "9.7E-4", TS: 1790000000126, Bid: "9.60E-4", Ask: "0.001"}
	feedtest.Messages(t, New(), feed.Tickers, []string{"ETHUSDT"}, []feedtest.Message{
		packed(`{"id":"1","status":"ok","subbed":"market.ethusdt.ticker","ts":1790000000001}`, feed.Event{Kind: feed.EventAck, Symbol: "ETHUSDT"}),
		packed(`{"ch":"market.ethusdt.ticker","ts":1790000000126,"tick":{"open":1,"high":2,"low":1,"close":9.8E-4,"amount":6.5E8,"vol":3.25,"count":7,"bid":9.60E-4,"bidSize":1,"ask":0.001,"askSize":2,"lastPrice":9.7E-4,"lastSize":3}}`,
			feed.Event{Kind: feed.EventPrice, Price: ticker}),
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"btcusdt", "ETHUSDT"}, `{"sub":"market.btcusdt.trade.detail","id":"1"}`, `{"sub":"market.ethusdt.trade.detail","id":"2"}`)
	feedtest.Asks(t, New(), feed.Tickers, []string{"btcusdt"}, `{"sub":"market.btcusdt.ticker","id":"1"}`)
	for _, wrong := range []string{"BTC-USDT", "btc/usdt", "btc usdt", "btc.usdt"} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

// What the fuzzer makes of packed frames seldom unpacks, so it is given some that are not packed.
func FuzzDecode(f *testing.F) {
	feedtest.Fuzz(f, New(),
		`{"ping":1790000005000}`,
		`{"id":"1","status":"ok","subbed":"market.btcusdt.trade.detail","ts":1}`,
		`{"id":"2","status":"error","err-code":"bad-request","err-msg":"invalid symbol ethusdt"}`,
		`{"ch":"market.btcusdt.trade.detail","ts":2,"tick":{"data":[{"ts":1,"tradeId":42,"amount":2,"price":6.37E-8,"direction":"sell"}]}}`,
		`{"ch":"market.ethusdt.ticker","ts":1,"tick":{"bid":9.6E-4,"ask":0.001,"lastPrice":9.7E-4}}`)
}
