package bitget

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Bitget speaks.
type dialect struct {
	kind   feed.Kind
	market string
}

// Symbols have one that is answered in capitals.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTCUSDT", "ethusdt", "1INCHUSDT"}, "NOSUCHUSDT"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (d dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	if string(f.Data) == "ping" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame("pong")}}
	}
	var r request
	if feed.Unmarshal(f.Data, &r) != nil || r.Op != "subscribe" {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool {
		return slices.Contains(r.Args, arg{d.market, channel(d.kind), strings.ToUpper(s)})
	})
	return h
}

// Ack is one for each symbol.
func (d dialect) Ack(_ feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"event":"subscribe",%s}`, d.arg(s))))
	}
	return frames
}

// Reject grants the others.
func (d dialect) Reject(f feed.Frame, good, bad []string) (frames []feed.Frame, granted []string) {
	for _, s := range bad {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"event":"error",%s,"code":30001,"msg":"no such instrument"}`, d.arg(s))))
	}
	return append(frames, d.Ack(f, good)...), good
}

func (d dialect) arg(symbol string) string {
	return fmt.Sprintf(`"arg":{"instType":%q,"channel":%q,"instId":%q}`, d.market, channel(d.kind), strings.ToUpper(symbol))
}

func (d dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	return d.frames("update", symbol, prices)
}

func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	if d.kind == feed.Tickers {
		prices = prices[len(prices)-1:]
	}
	return d.frames("snapshot", symbol, prices)
}

// frames have trades newest first, or one ticker each.
func (d dialect) frames(action, symbol string, prices []feed.Price) (frames []feed.Frame) {
	if d.kind == feed.Tickers {
		for _, p := range prices {
			frames = append(frames, d.Raw(symbol, p, strconv.Quote(p.Text)))
		}
		return frames
	}
	var elements []string
	for _, p := range slices.Backward(prices) {
		elements = append(elements, d.element(symbol, p, strconv.Quote(p.Text)))
	}
	return []feed.Frame{d.message(action, symbol, prices[len(prices)-1].TS, elements)}
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	action := "update"
	if d.kind == feed.Tickers {
		action = "snapshot" // all are
	}
	return d.message(action, symbol, p.TS, []string{d.element(symbol, p, token)})
}

func (d dialect) message(action, symbol string, ts int64, elements []string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"action":%q,%s,"data":[%s],"ts":%d}`, action, d.arg(symbol), strings.Join(elements, ","), ts+9))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	if d.kind == feed.Tickers {
		return fmt.Sprintf(`{"instId":%q,"lastPr":%s,"open24h":"1.5","high24h":"3","low24h":"1","bidPr":%q,"askPr":%q,"bidSz":"2.5","askSz":"0.75","baseVolume":"12.5","ts":"%d"}`,
			strings.ToUpper(symbol), token, p.Bid, p.Ask, p.TS)
	}
	return fmt.Sprintf(`{"ts":"%d","price":%s,"size":%q,"side":%q,"tradeId":%q}`, p.TS, token, p.Size, p.Side, p.ID)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.kind == feed.Tickers {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.ID, p.Size, p.Side = strconv.FormatInt(1_430_000_000_000_000_000+int64(n), 10), "0.001250", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
