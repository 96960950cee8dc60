package kucoin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"backbone/internal/feed"
	"backbone/internal/feed/feedtest"
)

// The kinds of messages, with numbers of ours. Source: messages of 2021 to 2024 and clients as of
// 2026 in public repositories, see docs/feeds.md.
func TestMessages(t *testing.T) {
	bought := feed.Price{Symbol: "BTC-USDT", Text: "0.08200000000000000000", TS: 1790000000123, Seq: 1545896669145, ID: "5c24c5da03aa673885cd67aa", Size: "0.01022222000000000000", Side: feed.Buy}
	alive := []feed.Event{{Kind: feed.EventAlive}}
	feedtest.Messages(t, New(), feed.Trades, []string{"BTC-USDT", "eth-usdt"}, []feedtest.Message{
		{Text: `{"id":"hQvf8jkno","type":"welcome"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {
			Kind: feed.EventSend, Frame: feed.TextFrame(`{"id":"1","type":"subscribe","topic":"/market/match:BTC-USDT,ETH-USDT","response":true}`),
		}}},
		{Text: `{"id":"1","type":"error","code":404,"data":"topic /market/match:ETH-USDT is not found"}`, Want: []feed.Event{
			{Kind: feed.EventAlive},
			{Kind: feed.EventSend, Frame: feed.TextFrame(`{"id":"2","type":"subscribe","topic":"/market/match:BTC-USDT","response":true}`)},
			{Kind: feed.EventSend, Frame: feed.TextFrame(`{"id":"3","type":"subscribe","topic":"/market/match:ETH-USDT","response":true}`)},
		}},
		{Text: `{"id":"2","type":"ack"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventAck, Symbol: "BTC-USDT"}}},
		{Text: `{"id":"3","type":"error","code":404,"data":"is not found"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventReject, Symbol: "eth-usdt", Text: "is not found"}}},
		{
			Text: `{"type":"message","topic":"/market/match:BTC-USDT","subject":"trade.l3match","data":{"sequence":"1545896669145","type":"match","symbol":"BTC-USDT","side":"buy","price":"0.08200000000000000000","size":"0.01022222000000000000","tradeId":"5c24c5da03aa673885cd67aa","takerOrderId":"x","makerOrderId":"y","time":"1790000000123033203"}}`,
			Want: []feed.Event{{Kind: feed.EventPrice, Price: bought}},
		},
		{Text: `{"type":"message","topic":"/market/match:XRP-USDT","data":{"price":"1"}}`, Want: []feed.Event{{Kind: feed.EventDrop, Reason: feed.Stranger, Text: `"XRP-USDT"`}}},
		{Text: `{"id":"ping","type":"pong","timestamp":1790000000123456}`, Want: alive},
		{Text: `{"type":"error","code":415,"data":"type is not supported"}`, Want: []feed.Event{{Kind: feed.EventAlive}, {Kind: feed.EventDrop, Reason: feed.Unknown, Text: "type is not supported"}}},
		{Text: `{"type":"message","topic":"/market/snapshot:BTC","subject":"trade.snapshot","data":{}}`},
		{Text: `{"type":"message","topic":"/market/match:BTC-USDT","data":"none"}`, Fails: true},
	})
	ticker := feed.Price{Symbol: "BTC-USDT", Text: "31785.2", TS: 1790000000123, Seq: 1630218274617, Bid: "31785.1", Ask: "31785.3"}
	feedtest.Messages(t, New(), feed.Tickers, []string{"BTC-USDT"}, []feedtest.Message{{
		Text: `{"type":"message","topic":"/market/ticker:BTC-USDT","subject":"trade.ticker","data":{"bestAsk":"31785.3","bestAskSize":"1.0455757","bestBid":"31785.1","bestBidSize":"0.46","price":"31785.2","sequence":"1630218274617","size":"0.03133705","time":1790000000123}}`,
		Want: []feed.Event{{Kind: feed.EventPrice, Price: ticker}},
	}})
}

func TestSymbols(t *testing.T) {
	for _, wrong := range []string{"BTCUSDT", "BTC-", "-USDT", "BTC/USDT", "A-B,C-D", "A-B:C"} {
		if _, err := New().Plan(feed.Request{Kind: feed.Trades, Symbols: []string{wrong}}); err == nil {
			t.Errorf("%s is taken as a symbol", wrong)
		}
	}
}

// What the exchange says of where to connect to is not taken on trust.
func TestWhereToConnectTo(t *testing.T) {
	said := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != tokenPath {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(said))
	}))
	defer server.Close()
	dial := func() (feed.Target, *session, error) {
		parts, err := New().Plan(feed.Request{URL: "ws" + strings.TrimPrefix(server.URL, "http") + tokenPath, Kind: feed.Trades, Symbols: []string{"BTC-USDT"}})
		if err != nil {
			t.Fatal(err)
		}
		s := parts[0].New()
		to, err := s.Dial(context.Background(), server.Client())
		return to, s.(*session), err
	}
	said = `{"code":"200000","data":{"token":"a=b&c","instanceServers":[{"endpoint":"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket","pingInterval":5000,"pingTimeout":10000}]}}`
	to, s, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(to.URL); err != nil || u.Host != "ws-api-spot.kucoin.com" || u.Query().Get("token") != "a=b&c" || s.Every != 5*time.Second {
		t.Errorf("%+v, a ping each %v, %v", to, s.Every, err)
	}
	for _, wrong := range []struct{ said, says string }{
		{`{"code":"400100","msg":"system busy"}`, `code "400100", "system busy"`},
		{`{"code":"200000","data":{"token":"t","instanceServers":[]}}`, "does not say"},
		{`{"code":"200000","data":{"token":"","instanceServers":[{"endpoint":"wss://x"}]}}`, "does not say"},
		{`{"code":"200000","data":{"token":"t","instanceServers":[{"endpoint":"https://x/"}]}}`, "no wss:// address"},
		{`{"code":"200000","data":{"token":"t","instanceServers":[{"endpoint":"wss://"}]}}`, "no wss:// address"},
		{`<html>`, "cannot be read"},
	} {
		said = wrong.said
		if to, _, err := dial(); err == nil || !strings.Contains(err.Error(), wrong.says) {
			t.Errorf("%s: %+v, %v; want %q", wrong.said, to, err, wrong.says)
		}
	}
}

func FuzzDecode(f *testing.F) { feedtest.Fuzz(f, New()) }
