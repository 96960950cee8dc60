package kraken

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// dialect is how Kraken speaks on a channel.
type dialect struct{ channel string }

// Symbols are answered as they were asked for: case matters.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC/USD", "ETH/EUR", "AAPLx/USD"}, "NOSUCH/USD"
}

func (d dialect) Greeting() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2","connection_id":18446744073709551000,"version":"2.0.9"}]}`)}
}

func (d dialect) Heartbeat() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"channel":"heartbeat"}`)}
}
func (d dialect) Notice() []feed.Frame { return nil } // a status is none: it holds for new connections too

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Method == "ping" {
		answer := `{"method":"pong","time_in":"2026-07-24T10:00:00.000100Z","time_out":"2026-07-24T10:00:00.000150Z"}`
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(answer)}}
	}
	if r.Method == "subscribe" && r.Params.Channel == d.channel {
		h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Params.Symbol, s) })
	}
	return h
}

// Ack is one for each symbol.
func (d dialect) Ack(f feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, d.answer(f, fmt.Sprintf(`"result":{"channel":%q,"snapshot":true,"symbol":%q},"success":true`, d.channel, s)))
	}
	return frames
}

// Reject grants the others.
func (d dialect) Reject(f feed.Frame, good, bad []string) (frames []feed.Frame, granted []string) {
	for _, s := range bad {
		frames = append(frames, d.answer(f, fmt.Sprintf(`"error":"Currency pair not supported %s","success":false,"symbol":%q`, s, s)))
	}
	return append(frames, d.Ack(f, good)...), good
}

func (d dialect) answer(f feed.Frame, what string) feed.Frame {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	return feed.TextFrame(fmt.Sprintf(`{"method":"subscribe",%s,"time_in":"2026-07-24T10:00:00.000100Z","time_out":"2026-07-24T10:00:00.000150Z","req_id":%d}`, what, r.ID))
}

func (d dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	return d.frames("update", symbol, prices)
}

func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	if d.channel == "ticker" {
		prices = prices[len(prices)-1:]
	}
	return d.frames("snapshot", symbol, prices)
}

// frames have trades oldest first, or one ticker each.
func (d dialect) frames(kind, symbol string, prices []feed.Price) (frames []feed.Frame) {
	var elements []string
	for _, p := range prices {
		elements = append(elements, d.element(symbol, p, p.Text))
	}
	if d.channel == "trade" {
		return []feed.Frame{d.message(kind, strings.Join(elements, ","))}
	}
	for _, e := range elements {
		frames = append(frames, d.message(kind, e))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return d.message("update", d.element(symbol, p, token))
}

func (d dialect) message(kind, elements string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"channel":%q,"type":%q,"data":[%s]}`, d.channel, kind, elements))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	at := time.UnixMilli(p.TS).UTC().Format("2006-01-02T15:04:05.000000Z")
	if d.channel == "ticker" {
		return fmt.Sprintf(`{"symbol":%q,"bid":%s,"bid_qty":2.5,"ask":%s,"ask_qty":0.75,"last":%s,"volume":16.25,"vwap":2.0,"low":1.0,"high":3.0,"change":-0.5,"change_pct":-1.25,"timestamp":%q}`, symbol, p.Bid, p.Ask, token, at)
	}
	return fmt.Sprintf(`{"symbol":%q,"side":%q,"price":%s,"qty":%s,"ord_type":"market","trade_id":%d,"timestamp":%q}`, symbol, p.Side, token, p.Size, p.Seq, at)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.channel == "ticker" {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.Seq, p.ByOne, p.ID = uint64(104_000_000+n), true, strconv.Itoa(104_000_000+n)
	p.Size, p.Side = "0.01250000", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
