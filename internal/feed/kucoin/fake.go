package kucoin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how KuCoin speaks.
type dialect struct{ kind feed.Kind }

func (dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC-USDT", "eth-usdt", "LMR-BTC"}, "NOSUCH-USDT"
}

// Serve says where to connect to.
func (dialect) Serve(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == tokenPath && r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"code":"200000","data":{"token":"2neAiuYvAU61ZD==&a","instanceServers":[{"endpoint":%q,"encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}`, "ws://"+r.Host+"/endpoint") //nolint:gosec // JSON for our own client
	case r.URL.Path != "/endpoint" || r.URL.Query().Get("token") != "2neAiuYvAU61ZD==&a" || r.URL.Query().Get("connectId") == "":
		http.Error(w, "token?", http.StatusUnauthorized)
	default:
		return false
	}
	return true
}

func (dialect) Greeting() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"id":"hQvf8jkno","type":"welcome"}`)}
}

func (dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Type == "ping" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"id":%q,"type":"pong","timestamp":1790000000123456}`, r.ID))}}
	}
	names, ok := strings.CutPrefix(r.Topic, topic(d.kind))
	if r.Type != "subscribe" || !ok {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(strings.Split(names, ","), strings.ToUpper(s)) })
	return h
}

func (dialect) Ack(f feed.Frame, _ []string) []feed.Frame {
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"id":%q,"type":"ack"}`, id(f)))}
}

// Reject fails all that was asked for with a bad symbol.
func (d dialect) Reject(f feed.Frame, _, bad []string) ([]feed.Frame, []string) {
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"id":%q,"type":"error","code":404,"data":"topic %s%s is not found"}`, id(f), topic(d.kind), bad[0]))}, nil
}

func id(f feed.Frame) string {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	return r.ID
}

// Snapshot has nothing: only what is new comes.
func (dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, strconv.Quote(p.Text)))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	sent := strings.ToUpper(symbol)
	if d.kind == feed.Tickers {
		return feed.TextFrame(fmt.Sprintf(`{"type":"message","topic":"/market/ticker:%s","subject":"trade.ticker","data":{"bestAsk":%q,"bestAskSize":"1.0455757","bestBid":%q,"bestBidSize":"0.4645037","price":%s,"sequence":"%d","size":"0.03133705","time":%d}}`,
			sent, p.Ask, p.Bid, token, p.Seq, p.TS))
	}
	return feed.TextFrame(fmt.Sprintf(`{"type":"message","topic":"/market/match:%s","subject":"trade.l3match","data":{"symbol":%q,"side":%q,"type":"match","makerOrderId":"62fadde41add68000167fb58","sequence":"%d","size":%q,"price":%s,"takerOrderId":"62faddfff0476c0001c86c71","time":"%d","tradeId":%q}}`,
		sent, sent, p.Side, p.Seq, p.Size, token, p.TS*1_000_000+456_789, p.ID))
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, Seq: 1_636_276_321_000 + 3*uint64(n)}
	if d.kind == feed.Tickers {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.ID, p.Size, p.Side = fmt.Sprintf("62fade002e113d29%08x", n), "0.01022222000000000000", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
