package coinbase

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// dialect is how Coinbase speaks on a channel.
type dialect struct{ channel string }

// Symbols have one whose data comes as ETH-USD.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC-USD", "ETH-USDC", "USDT-USDC"}, "NOSUCH-USD"
}

func sent(symbol string) string {
	if symbol == "ETH-USDC" {
		return "ETH-USD"
	}
	return symbol
}

const unnumbered = `"sequence_num":0,`

// Number counts all messages of a connection.
func (d dialect) Number(f feed.Frame, n uint64) feed.Frame {
	f.Data = bytes.Replace(f.Data, []byte(unnumbered), fmt.Appendf(nil, `"sequence_num":%d,`, n), 1)
	return f
}

func say(channel string, ms int64, events string) feed.Frame {
	at := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000000000Z")
	return feed.TextFrame(fmt.Sprintf(`{"channel":%q,"timestamp":%q,%s"events":[%s]}`, channel, at, unnumbered, events))
}

func (d dialect) Greeting() []feed.Frame { return nil }
func (d dialect) Notice() []feed.Frame   { return nil }

func (d dialect) Heartbeat() []feed.Frame {
	return []feed.Frame{say("heartbeats", 1_784_887_200_000, `{"current_time":"2026-07-24 10:00:00.000000001 +0000 UTC m=+5.25","heartbeat_counter":5}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil || r.Type != "subscribe" {
		return h
	}
	if r.Channel == "heartbeats" {
		return feed.Heard{Answer: []feed.Frame{say("subscriptions", 1_784_887_200_000, `{"subscriptions":{"heartbeats":["heartbeats"]}}`)}}
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return r.Channel == d.channel && slices.Contains(r.Products, s) })
	return h
}

// Ack lists the channels and their products, these in any order.
func (d dialect) Ack(_ feed.Frame, symbols []string) []feed.Frame {
	var list []string
	for _, s := range slices.Backward(symbols) {
		list = append(list, strconv.Quote(sent(s)))
	}
	return []feed.Frame{say("subscriptions", 1_784_887_200_000, fmt.Sprintf(`{"subscriptions":{"heartbeats":["heartbeats"],%q:[%s]}}`, d.channel, strings.Join(list, ",")))}
}

// Reject fails all that was asked for at once.
func (d dialect) Reject(_ feed.Frame, _, bad []string) ([]feed.Frame, []string) {
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"type":"error","message":"Failed to subscribe: %s is not a valid product"}`, bad[0]))}, nil
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

// frames have trades newest first, or one ticker each.
func (d dialect) frames(kind, symbol string, prices []feed.Price) (frames []feed.Frame) {
	if d.channel == "ticker" {
		for _, p := range prices {
			frames = append(frames, d.message(kind, p.TS, d.element(symbol, p, strconv.Quote(p.Text))))
		}
		return frames
	}
	var elements []string
	for _, p := range slices.Backward(prices) {
		elements = append(elements, d.element(symbol, p, strconv.Quote(p.Text)))
	}
	return []feed.Frame{d.message(kind, prices[len(prices)-1].TS, strings.Join(elements, ","))}
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return d.message("update", p.TS, d.element(symbol, p, token))
}

func (d dialect) message(kind string, ms int64, elements string) feed.Frame {
	list := "trades"
	if d.channel == "ticker" {
		list = "tickers"
	}
	return say(d.channel, ms, fmt.Sprintf(`{"type":%q,%q:[%s]}`, kind, list, elements))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	if d.channel == "ticker" {
		return fmt.Sprintf(`{"type":"ticker","product_id":%q,"price":%s,"volume_24_h":"16.5","low_24_h":"1","high_24_h":"3","low_52_w":"1","high_52_w":"4","price_percent_chg_24_h":"-0.5","best_bid":%q,"best_bid_quantity":"2","best_ask":%q,"best_ask_quantity":"3"}`,
			sent(symbol), token, p.Bid, p.Ask)
	}
	at := time.UnixMilli(p.TS).UTC().Format("2006-01-02T15:04:05.000000Z")
	return fmt.Sprintf(`{"product_id":%q,"trade_id":%q,"price":%s,"size":%q,"time":%q,"side":"BUY"}`, sent(symbol), p.ID, token, p.Size, at)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.channel == "ticker" {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.Seq, p.ID, p.Size = uint64(892_000_000+n), strconv.Itoa(892_000_000+n), "0.01250000"
	return p
}
