package upbit

import (
	"fmt"
	"slices"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Upbit speaks: JSON in binary frames.
type dialect struct{ kind feed.Kind }

func (dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"KRW-BTC", "krw-eth", "USDT-XRP"}, "KRW-NOSUCH"
}

func (dialect) Greeting() []feed.Frame  { return nil }
func (dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	if string(f.Data) == "PING" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{say(`{"status":"UP"}`)}}
	}
	var parts []part
	if feed.Unmarshal(f.Data, &parts) != nil {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool {
		return slices.ContainsFunc(parts, func(p part) bool { return p.Type == kind(d.kind) && slices.Contains(p.Codes, strings.ToUpper(s)) })
	})
	return h
}

// Ack is none: no request is answered.
func (dialect) Ack(feed.Frame, []string) []feed.Frame { return nil }

// Reject neither refuses nor answers.
func (dialect) Reject(_ feed.Frame, good, bad []string) ([]feed.Frame, []string) {
	return nil, append(good, bad...)
}

// Snapshot has the last price.
func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	p := prices[len(prices)-1]
	return []feed.Frame{d.message(symbol, p, p.Text, "SNAPSHOT")}
}

func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, p.Text))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return d.message(symbol, p, token, "REALTIME")
}

func (d dialect) message(symbol string, p feed.Price, token, stream string) feed.Frame {
	code := strings.ToUpper(symbol)
	if d.kind == feed.Tickers {
		return say(fmt.Sprintf(`{"type":"ticker","code":%q,"opening_price":37249,"high_price":37645.0,"low_price":36732,"trade_price":%s,"prev_closing_price":37235,"change":"FALL","signed_change_rate":-0.0082,"ask_bid":"ASK","trade_volume":0.00006314,"trade_timestamp":1690000000000,"delisting_date":null,"timestamp":%d,"stream_type":%q}`,
			code, token, p.TS, stream))
	}
	side := "BID"
	if p.Side == feed.Sell {
		side = "ASK"
	}
	return say(fmt.Sprintf(`{"type":"trade","code":%q,"timestamp":%d,"trade_date":"2026-03-02","trade_time":"23:59:59","trade_timestamp":%d,"trade_price":%s,"trade_volume":%s,"ask_bid":%q,"prev_closing_price":57.5,"change":"RISE","change_price":0.9,"sequential_id":%s,"best_ask_price":3,"stream_type":%q}`,
		code, p.TS+60, p.TS, token, p.Size, side, p.ID, stream))
}

func say(text string) feed.Frame { return feed.Frame{Op: feed.Binary, Data: []byte(text)} }

// Price has a number that does not rise.
func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.kind == feed.Tickers {
		return p
	}
	p.ID, p.Size, p.Side = fmt.Sprint(int64(1_790_000_000_000_000)+int64(n*7919%1000)), "8.428e-05", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
