package okx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how OKX speaks on a channel.
type dialect struct{ channel string }

// Symbols are answered as they were asked for.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-261225-100000-C"}, "NOSUCH-USDT"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it only answers

func (d dialect) Notice() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"event":"notice","code":"64008","msg":"The connection will be closed soon for a service upgrade.","connId":"c0ffee01"}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	if string(f.Data) == "ping" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame("pong")}}
	}
	var r request
	if feed.Unmarshal(f.Data, &r) != nil || r.Op != "subscribe" {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Args, arg{d.channel, s}) })
	return h
}

// Ack is one for each symbol.
func (d dialect) Ack(_ feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"event":"subscribe","arg":{"channel":%q,"instId":%q},"connId":"c0ffee01"}`, d.channel, s)))
	}
	return frames
}

// Reject fails all that was asked for at once.
func (d dialect) Reject(_ feed.Frame, _, bad []string) ([]feed.Frame, []string) {
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"event":"error","msg":"Subscribe failed, wrong URL or channel:%s,instId:%s doesn't exist.","code":"60018","connId":"c0ffee01"}`, d.channel, bad[0]))}, nil
}

func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	if d.channel == "trades" {
		return nil
	}
	return d.Prices(symbol, prices[len(prices)-1:])
}

// Prices have trades oldest first, or one ticker each.
func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	var elements []string
	for _, p := range prices {
		elements = append(elements, d.element(symbol, p, strconv.Quote(p.Text)))
	}
	if d.channel == "trades" {
		return []feed.Frame{d.message(symbol, strings.Join(elements, ","))}
	}
	for _, e := range elements {
		frames = append(frames, d.message(symbol, e))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return d.message(symbol, d.element(symbol, p, token))
}

func (d dialect) message(symbol, elements string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"arg":{"channel":%q,"instId":%q},"data":[%s]}`, d.channel, symbol, elements))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	if d.channel == "tickers" {
		return fmt.Sprintf(`{"instType":"SPOT","instId":%q,"last":%s,"lastSz":"0.5","askPx":%q,"askSz":"2","bidPx":%q,"bidSz":"3","open24h":"1","high24h":"3","low24h":"1","sodUtc0":"1","sodUtc8":"2","volCcy24h":"40","vol24h":"20","ts":"%d"}`,
			symbol, token, p.Ask, p.Bid, p.TS)
	}
	return fmt.Sprintf(`{"instId":%q,"tradeId":%q,"px":%s,"sz":%q,"side":%q,"ts":"%d","count":"3","source":"0","seqId":7913}`, symbol, p.ID, token, p.Size, p.Side, p.TS)
}

// Price is the n-th; three trades are one.
func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.channel == "tickers" {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.Seq, p.ID, p.Size, p.Side = uint64(1_035_000_000+3*n), strconv.Itoa(1_035_000_000+3*n), "0.01136454", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
