package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: www.gate.com/docs/developers, and messages
// of 2021 to 2026-10, see docs/feeds.md.
func TestMessages(t *testing.T) {
	alive := feed.Event{Kind: feed.EventAlive}
	ask := func(id, pair string) feed.Event {
		return feed.Event{Kind: feed.EventSend, Frame: feed.TextFrame(`{"time":0,"id":` + id + `,"channel":"spot.trades","event":"subscribe","payload":["` + pair + `"]}`)}
	}
	feedtest.Messages(t, Spot(), feed.Trades, []string{"BTC_USDT", "eth_usdt"}, []feedtest.Message{
		{
			Text: `{"time":1784887200,"time_ms":1784887200125,"channel":"spot.trades","event":"update","result":{"id":41,"create_time":1784887200,"create_time_ms":"1784887200123.4578","side":"sell","currency_pair":"ETH_USDT","amount":"16.4700","price":"0.4705000000","range":"7-7"}}`,
			Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "eth_usdt", Text: "0.4705000000", TS: 1784887200123, Seq: 41, ID: "41", Size: "16.4700", Side: feed.Sell}}},
		},
		{Text: `{"time":1784887200,"id":1,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown currency pair ETH_USDT"},"result":null}`, Want: []feed.Event{alive, ask("2", "BTC_USDT"), ask("3", "ETH_USDT")}},
		{Text: `{"time":1784887200,"time_ms":1784887200125,"id":2,"conn_id":"c","channel":"spot.trades","event":"subscribe","payload":["BTC_USDT"],"result":{"status":"success"}}`, Want: []feed.Event{alive, {Kind: feed.EventAck, Symbol: "BTC_USDT"}}},
		{Text: `{"time":1784887200,"id":3,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown currency pair ETH_USDT"},"result":{"status":"fail"}}`, Want: []feed.Event{alive, {Kind: feed.EventReject, Symbol: "eth_usdt", Text: "unknown currency pair ETH_USDT"}}},
		{Text: `{"time":1784887200,"channel":"spot.pong","event":"","result":null}`, Want: []feed.Event{alive}},
		{Text: `{"time":1784887200,"channel":"spot.trades","event":"update","result":{"id":1,"currency_pair":"SOL_USDT","price":"1"}}`, Want: []feed.Event{alive, {Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"SOL_USDT"`}}},
		{Text: `{"time":1784887200,"channel":"spot.book_ticker","event":"update","result":{"t":1,"s":"ETH_USDT","b":"1","a":"2"}}`},
		{Text: `{"time":1784887200,"channel":"spot.trades","event":"update","result":[[{"id":1}]]}`, Fails: true},
	})
	feedtest.Messages(t, USDT(), feed.Trades, []string{"BTC_USDT"}, []feedtest.Message{
		{
			Text: `{"time":1784887200,"channel":"futures.trades","event":"update","error":null,"result":[{"size":-108,"id":42,"create_time":1784887200,"create_time_ms":1784887200124,"price":"70123.0","contract":"BTC_USDT"},{"size":7,"id":41,"create_time":1784887200,"price":"70123.50","contract":"BTC_USDT"}]}`,
			Want: []feed.Event{
				alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC_USDT", Text: "70123.0", TS: 1784887200124, Seq: 42, ID: "42", Size: "108", Side: feed.Sell}},
				{Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC_USDT", Text: "70123.50", TS: 1784887200000, Seq: 41, ID: "41", Size: "7", Side: feed.Buy}},
			},
		},
		{Text: `{"time":1784887200,"channel":"futures.trades","event":"subscribe","error":null,"result":{"status":"success"}}`, Want: []feed.Event{alive}},
	})
	feedtest.Messages(t, Spot(), feed.Tickers, []string{"BTC_USDT"}, []feedtest.Message{{
		Text: `{"time":1784887200,"time_ms":1784887200123,"channel":"spot.tickers","event":"update","result":{"currency_pair":"BTC_USDT","last":"70123.40","lowest_ask":"70123.5","highest_bid":"70123.3","base_volume":"1"}}`,
		Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC_USDT", Text: "70123.40", TS: 1784887200123, Bid: "70123.3", Ask: "70123.5"}}},
	}})
	feedtest.Messages(t, USDT(), feed.Tickers, []string{"BTC_USDT"}, []feedtest.Message{
		{
			Text: `{"time":1784887200,"time_ms":1784887200252,"channel":"futures.tickers","event":"update","result":[{"contract":"BTC_USDT","last":"70123.4","mark_price":"1","t":1784887200123}]}`,
			Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC_USDT", Text: "70123.4", TS: 1784887200123}}},
		},
		{
			Text: `{"time":1784887200,"channel":"futures.tickers","event":"update","result":{"contract":"BTC_USDT","last":"70123.5"}}`,
			Want: []feed.Event{alive, {Kind: feed.EventPrice, Price: feed.Price{Symbol: "BTC_USDT", Text: "70123.5", TS: 1784887200000}}},
		},
	})
}

func TestWhatIsAskedFor(t *testing.T) {
	feedtest.Asks(t, Spot(), feed.Trades, []string{"BTC_USDT", "eth_usdt"}, `{"time":0,"id":1,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","ETH_USDT"]}`)
	feedtest.Asks(t, USDT(), feed.Tickers, []string{"BTC_USDT"}, `{"time":0,"id":1,"channel":"futures.tickers","event":"subscribe","payload":["BTC_USDT"]}`)
	for _, symbols := range [][]string{{"BTCUSDT"}, {"BTC/USDT"}, {"BTC-USDT"}, {"_USDT"}, {"BTC_"}, {"BTC_USDT", "btc_usdt"}} {
		if _, err := Spot().Plan(feed.Request{Symbols: symbols}); err == nil {
			t.Errorf("%s are taken", symbols)
		}
	}
}

// Gate refuses requests whose time is not that of the minute.
func TestRequestsHaveTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts, err := Spot().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{"A_B", "C_D"}})
		if err != nil {
			t.Fatal(err)
		}
		s := parts[0].New()
		if _, err := s.Dial(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got, want := string(s.Open()[0].Data), `{"time":946684800,"id":1,"channel":"spot.trades","event":"subscribe","payload":["A_B","C_D"]}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		if got, want := string(s.Tick(time.Now())[0].Data), `{"time":946688400,"channel":"spot.ping"}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		var out feed.Events
		if err := s.Decode(feed.Text, []byte(`{"id":1,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"no"}}`), &out); err != nil {
			t.Fatal(err)
		}
		if got, want := string(out.List()[1].Frame.Data), `{"time":946688400,"id":2,"channel":"spot.trades","event":"subscribe","payload":["A_B"]}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, Spot()) }

func FuzzDecodeUSDT(f *testing.F) { feedtest.Fuzz(f, USDT()) }
