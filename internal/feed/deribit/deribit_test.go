package deribit

import (
	"testing"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: messages of 2019 to 2026 in public
// repositories, see docs/feeds.md.
func TestMessages(t *testing.T) {
	sold := feed.Price{Symbol: "BTC-PERPETUAL", Text: "70123.0", TS: 1790000000123, Seq: 41, ByOne: true, ID: "403000041", Size: "10.0", Side: feed.Sell}
	combo := feed.Price{Symbol: "BTC-FS-26MAR27_PERP", Text: "-13.5", TS: 1790000000124, Seq: 1, ByOne: true, ID: "403000042", Size: "0.1", Side: feed.Buy}
	alive := []feed.Event{{Kind: feed.EventAlive}}
	ask := func(text string) feed.Event { return feed.Event{Kind: feed.EventSend, Frame: feed.TextFrame(text)} }
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC-PERPETUAL", "BTC-FS-26MAR27_PERP"}, []feedtest.Message{
		{Text: `{"jsonrpc":"2.0","id":1000000,"result":"ok","usIn":1,"usOut":2,"usDiff":1,"testnet":false}`, Want: alive},
		{Text: `{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}`, Want: []feed.Event{ask(`{"jsonrpc":"2.0","id":1000000,"method":"public/test","params":{}}`)}},
		{Text: `{"jsonrpc":"2.0","id":1000000,"result":{"version":"1.2.26"},"testnet":false}`, Want: alive},
		{Text: `{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}`, Want: alive},
		{Text: `{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}`, Want: []feed.Event{
			{Kind: feed.EventAlive},
			ask(`{"jsonrpc":"2.0","id":2,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms"]}}`),
			ask(`{"jsonrpc":"2.0","id":3,"method":"public/subscribe","params":{"channels":["trades.BTC-FS-26MAR27_PERP.100ms"]}}`),
		}},
		{Text: `{"jsonrpc":"2.0","id":2,"result":["trades.BTC-PERPETUAL.100ms"],"testnet":false}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventAck, Symbol: "BTC-PERPETUAL"}}},
		{Text: `{"jsonrpc":"2.0","id":3,"result":[],"testnet":false}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventReject, Symbol: "BTC-FS-26MAR27_PERP", Text: "there is no such contract"}}},
		{Text: `{"jsonrpc":"2.0","id":1000000,"error":{"code":-32600,"message":"bad_request"}}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "bad_request"}}},
		{
			Text: `{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"timestamp":1790000000123,"price":70123.0,"amount":10.0,"direction":"sell","index_price":70120.5,"instrument_name":"BTC-PERPETUAL","trade_seq":41,"mark_price":70121.5,"tick_direction":2,"contracts":1.0,"combo_trade_id":"43","trade_id":"403000041"},` +
				`{"timestamp":1790000000124,"price":-13.5,"amount":0.1,"direction":"buy","instrument_name":"BTC-FS-26MAR27_PERP","trade_seq":1,"legs":[{"price":1.5}],"trade_id":"403000042"}]}}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: sold}, {Kind: feed.EventPrice, Price: combo}},
		},
		{Text: `{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":1}}}`},
		{Text: `{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":{"price":1}}}`, Fails: true},
		{Text: `{"jsonrpc":"2.0","id":2,"result":"ok"}`, Fails: true},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, New(), feed.Trades, []string{"BTC-PERPETUAL", "XRP_USDC-26MAR27-1d02-C"},
		`{"jsonrpc":"2.0","id":1000000,"method":"public/set_heartbeat","params":{"interval":10}}`,
		`{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms","trades.XRP_USDC-26MAR27-1d02-C.100ms"]}}`)
	for _, wrong := range []string{"BTCUSDT", "BTC/USD", "trades.BTC-PERPETUAL"} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
