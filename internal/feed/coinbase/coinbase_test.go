package coinbase

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: docs.cdp.coinbase.com, and a session of
// 2026-08, see docs/feeds.md.
func TestMessages(t *testing.T) {
	older := feed.Price{Symbol: "BTC-USDC", Text: "70123.40", TS: 1784887200123, Seq: 41, ID: "41", Size: "0.00150000"}
	newer := feed.Price{Symbol: "BTC-USDC", Text: "70123.00", TS: 1784887200124, Seq: 42, ID: "42", Size: "0.05"}
	const trades = `"trades":[{"product_id":"BTC-USD","trade_id":"42","price":"70123.00","size":"0.05","time":"2026-07-24T10:00:00.124000Z","side":"SELL"},` +
		`{"product_id":"BTC-USD","trade_id":"41","price":"70123.40","size":"0.00150000","time":"2026-07-24T10:00:00.123456Z","side":"BUY"}]`
	alive := feed.Event{Kind: feed.EventAlive}
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC-USDC", "ETH-USD"}, []feedtest.Message{
		{Text: `{"channel":"subscriptions","timestamp":"2026-07-24T10:00:00.1Z","sequence_num":0,"events":[{"subscriptions":{"heartbeats":["heartbeats"]}}]}`, Want: []feed.Event{alive}},
		{Text: `{"channel":"market_trades","timestamp":"2026-07-24T10:00:00.2Z","sequence_num":1,"events":[{"type":"snapshot",` + trades + `}]}`, Want: []feed.Event{alive, {Kind: feed.EventSnapshot, Price: newer}, {Kind: feed.EventSnapshot, Price: older}}},
		{
			Text: `{"channel":"subscriptions","client_id":"","timestamp":"2026-07-24T10:00:00.2Z","sequence_num":2,"events":[{"subscriptions":{"market_trades":["ETH-USD","BTC-USD"],"heartbeats":["heartbeats"]}}]}`,
			Want: []feed.Event{alive, {Kind: feed.EventAck, Symbol: "ETH-USD"}, {Kind: feed.EventAck, Symbol: "BTC-USDC"}},
		},
		{Text: `{"channel":"heartbeats","timestamp":"2026-07-24T10:00:00.3Z","sequence_num":3,"events":[{"current_time":"2026-07-24 10:00:00.3 +0000 UTC m=+1.5","heartbeat_counter":7}]}`, Want: []feed.Event{alive}},
		{
			Text: `{"channel":"market_trades","timestamp":"2026-07-24T10:00:00.4Z","sequence_num":6,"events":[{"type":"update",` + trades + `}]}`,
			Want: []feed.Event{{Kind: feed.EventGap, Lost: 2, Text: "the connection: 2 messages are missing before number 6"}, alive, {Kind: feed.EventPrice, Price: newer}, {Kind: feed.EventPrice, Price: older}},
		},
		{Text: `{"channel":"market_trades","timestamp":"2026-07-24T10:00:00.5Z","sequence_num":5,"events":[]}`, Want: []feed.Event{alive}},
		{Text: `{"channel":"market_trades","timestamp":"2026-07-24T10:00:00.5Z","sequence_num":7,"events":[{"type":"update","trades":[{"product_id":"SOL-USD","trade_id":"1","price":"1"}]}]}`, Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"SOL-USD"`}}},
		{Text: `{"type":"error","message":"rate limit exceeded"}`, Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "rate limit exceeded"}}},
		{Text: `{"channel":"candles","timestamp":"2026-07-24T10:00:00.5Z","sequence_num":8,"events":[{"type":"update","candles":[]}]}`},
		{Text: `{"channel":"market_trades","events":{}}`, Fails: true},
	})
	feedtest.Messages(t, New(), feed.Tickers, []string{"BTC-USD"}, []feedtest.Message{{
		Text: `{"channel":"ticker","timestamp":"2026-07-24T10:00:00.123456789Z","sequence_num":1,"events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"70123.40","volume_24_h":"1","best_bid":"70123.30","best_bid_quantity":"1","best_ask":"70123.50","best_ask_quantity":"2"}]}]}`,
		Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC-USD", Text: "70123.40", TS: 1784887200123, Bid: "70123.30", Ask: "70123.50"}}},
	}})
}

// An error has no id: it is of the oldest request that has no answer.
func TestErrorsNameNothing(t *testing.T) {
	alive := feed.Event{Kind: feed.EventAlive}
	refused := `{"type":"error","message":"Failed to subscribe","reason":"no such product"}`
	ask := func(product string) feed.Event {
		return feed.Event{Kind: feed.EventSend, Frame: feed.TextFrame(`{"type":"subscribe","product_ids":["` + product + `"],"channel":"market_trades"}`)}
	}
	granted := func(products string) string {
		return `{"channel":"subscriptions","events":[{"subscriptions":{"market_trades":[` + products + `]}}]}`
	}
	feedtest.Messages(t, New(), feed.Trades, []string{"A-USD", "B-USD", "C-USD"}, []feedtest.Message{
		{Text: refused, Want: []feed.Event{alive, ask("A-USD"), ask("B-USD"), ask("C-USD")}},
		{Text: granted(`"A-USD"`), Want: []feed.Event{alive, {Kind: feed.EventAck, Symbol: "A-USD"}}},
		{Text: granted(`"A-USD"`), Want: []feed.Event{alive}},
		{Text: refused, Want: []feed.Event{alive, {Kind: feed.EventReject, Symbol: "B-USD", Text: "Failed to subscribe no such product"}}},
		{Text: granted(`"C-USD","A-USD"`), Want: []feed.Event{alive, {Kind: feed.EventAck, Symbol: "C-USD"}}},
		{Text: refused, Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Failed to subscribe no such product"}}},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTC-USD", "ETH-USDC"}, `{"type":"subscribe","channel":"heartbeats"}`, `{"type":"subscribe","product_ids":["BTC-USD","ETH-USDC"],"channel":"market_trades"}`)
	feedtest.Asks(t, New(), feed.Tickers, []string{"BTC-USD"}, `{"type":"subscribe","channel":"heartbeats"}`, `{"type":"subscribe","product_ids":["BTC-USD"],"channel":"ticker"}`)
	for _, symbols := range [][]string{{"BTCUSD"}, {"btc-usd"}, {"BTC/USD"}, {"-USD"}, {"BTC-"}, {"BTC-USD", "BTC-USDC"}} {
		if _, err := New().Plan(feed.Request{Symbols: symbols}); err == nil {
			t.Errorf("%s are taken", symbols)
		}
	}
	if _, err := New().Plan(feed.Request{Symbols: []string{"USDT-USD", "USDT-USDC"}}); err != nil {
		t.Errorf("two books count as one: %v", err)
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
