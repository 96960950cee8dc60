package bitstamp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Bitstamp speaks.
type dialect struct{}

func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"btcusd", "ETHUSD", "btcusd-perp"}, "nosuchusd"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it only answers

func (d dialect) Notice() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"event":"bts:request_reconnect","channel":"","data":""}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	switch r.Event {
	case "bts:heartbeat":
		answer := `{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(answer)}}
	case "bts:subscribe":
		h.Subscribe = feed.Asked(d, func(s string) bool { return r.Data.Channel == "live_trades_"+strings.ToLower(s) })
	}
	return h
}

func (d dialect) Ack(_ feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, d.message("bts:subscription_succeeded", s, `{}`))
	}
	return frames
}

// Reject grants what does not exist, too.
func (d dialect) Reject(f feed.Frame, good, bad []string) ([]feed.Frame, []string) {
	all := slices.Concat(good, bad)
	return d.Ack(f, all), all
}

func (d dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, strconv.Quote(p.Text)))
	}
	return frames
}

// Raw has a number beside its text that lost digits on the way.
func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	kind := 0
	if p.Side == feed.Sell {
		kind = 1
	}
	return d.message("trade", symbol, fmt.Sprintf(`{"id":%s,"timestamp":"%d","amount":0.012500000000000001,"amount_str":%q,"price":3651.3000000000002,"price_str":%s,"type":%d,"microtimestamp":"%d","buy_order_id":1982008431775746,"sell_order_id":1982008430600193}`,
		p.ID, p.TS/1000, p.Size, token, kind, p.TS*1000))
}

func (d dialect) message(event, symbol, data string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"data":%s,"channel":"live_trades_%s","event":%q}`, data, strings.ToLower(symbol), event))
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	id := 542_000_000 + 3*n
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, Seq: uint64(id), ID: strconv.Itoa(id), Size: "0.01250000", Side: feed.Buy}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
