package bitstamp

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: www.bitstamp.net/websocket/v2, and messages
// of 2019 to 2026, see docs/feeds.md.
func TestMessages(t *testing.T) {
	bought := feed.Price{Symbol: "BTCUSD", Text: "70123.30", TS: 1784887200123, Seq: 41, ID: "41", Size: "1E-8", Side: feed.Buy}
	sold := bought
	sold.Side = feed.Sell
	feedtest.Messages(t, New(), feed.Trades, []string{"BTCUSD", "ethusd"}, []feedtest.Message{
		{Text: `{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}`, Want: []feed.Event{{Kind: feed.EventAck, Symbol: "BTCUSD"}}},
		{
			Text: `{"data":{"id":41,"timestamp":"1784887200","amount":1e-08,"amount_str":"1E-8","price":70123.300000000003,"price_str":"70123.30","type":0,"microtimestamp":"1784887200123456","buy_order_id":1982008431775746,"sell_order_id":1982008430600193},"channel":"live_trades_btcusd","event":"trade"}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}},
		},
		{Text: `{"data":{"id":41,"amount_str":"1E-8","price_str":"70123.30","type":1,"microtimestamp":"1784887200123456"},"channel":"live_trades_btcusd","event":"trade"}`, Want: []feed.Event{{Kind: feed.EventPrice, Price: sold}}},
		{Text: `{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`, Want: []feed.Event{{Kind: feed.EventAlive}}},
		{Text: `{"event":"bts:request_reconnect","channel":"","data":""}`, Want: []feed.Event{{Kind: feed.EventReconnect, Text: "the exchange asks for a new connection"}}},
		{Text: `{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Unknown, Text: "Bad subscription string."}}},
		{Text: `{"event":"bts:error","channel":"live_trades_ethusd","data":{"code":null,"message":"Bad subscription string."}}`, Want: []feed.Event{{Kind: feed.EventReject, Symbol: "ethusd", Text: "Bad subscription string."}}},
		{Text: `{"event":"trade","channel":"live_trades_xrpeur","data":{"id":1,"price_str":"1"}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"xrpeur"`}}},
		{Text: `{"event":"order_created","channel":"live_orders_btcusd","data":{"id":1}}`},
		{Text: `{"event":"bts:unsubscription_succeeded","channel":"live_trades_btcusd","data":{}}`},
		{Text: `{"event":"trade","channel":"live_trades_btcusd","data":"41"}`, Fails: true},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTCUSD", "ethusd"}, `{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}`, `{"event":"bts:subscribe","data":{"channel":"live_trades_ethusd"}}`)
	for _, symbols := range [][]string{{"BTC/USD"}, {"live_trades_btcusd"}, {"btcusd", "BTCUSD"}} {
		if _, err := New().Plan(feed.Request{Symbols: symbols}); err == nil {
			t.Errorf("%s are taken", symbols)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
