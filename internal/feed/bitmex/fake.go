package bitmex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

// dialect is how BitMEX speaks.
type dialect struct{}

func (dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"XBTUSD", "XBT_USDT", "ETHUSDM27"}, "NOSUCHUSD"
}

func (dialect) Greeting() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"2026-01-02T03:04:05.678Z","docs":"https://www.bitmex.com/app/wsAPI","heartbeatEnabled":false,"limit":{"remaining":39}}`)}
}

func (dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	if string(f.Data) == "ping" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame("pong")}}
	}
	var r request
	if feed.Unmarshal(f.Data, &r) != nil || r.Op != "subscribe" {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Args, "trade:"+s) })
	return h
}

func (dialect) Ack(f feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"success":true,"subscribe":"trade:%s","request":%s}`, s, f.Data)))
	}
	return frames
}

func (d dialect) Reject(f feed.Frame, good, _ []string) (frames []feed.Frame, granted []string) {
	frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"status":400,"error":"Unknown or expired symbol.","meta":{},"request":%s}`, f.Data)))
	return append(frames, d.Ack(f, good)...), good
}

// Snapshot has the last trade.
func (dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	p := prices[len(prices)-1]
	return []feed.Frame{table("partial", []string{element(symbol, p, p.Text)})}
}

func (dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	var elements []string
	for _, p := range prices {
		elements = append(elements, element(symbol, p, p.Text))
	}
	return []feed.Frame{table("insert", elements)}
}

func (dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return table("insert", []string{element(symbol, p, token)})
}

func table(action string, elements []string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"table":"trade","action":%q,"data":[%s]}`, action, strings.Join(elements, ",")))
}

func element(symbol string, p feed.Price, token string) string {
	side := ""
	if p.Side != "" {
		side = fmt.Sprintf(`"side":%q,`, strings.ToUpper(p.Side[:1])+p.Side[1:])
	}
	return fmt.Sprintf(`{"timestamp":%q,"symbol":%q,%s"size":%s,"price":%s,"tickDirection":"ZeroPlusTick","trdMatchID":%q,"grossValue":101450,"homeNotional":0.0010145,"foreignNotional":100,"trdType":"Regular"}`,
		time.UnixMilli(p.TS).UTC().Format("2006-01-02T15:04:05.000Z"), symbol, side, p.Size, token, p.ID)
}

// Price has none of a side now and then, as a settlement.
func (dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, ID: fmt.Sprintf("00000000-006d-1000-0000-%012x", n), Size: "100", Side: feed.Buy}
	switch n % 5 {
	case 0:
		p.Side = ""
	case 2, 4:
		p.Side = feed.Sell
	}
	return p
}
