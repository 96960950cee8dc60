package bybit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Bybit speaks.
type dialect struct {
	kind   feed.Kind
	linear bool
}

func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTCUSDT", "ethusdt", "BTC-27MAR26"}, "NOSUCHUSDT"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (d dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Op == "ping" {
		answer := `{"success":true,"ret_msg":"pong","conn_id":"c-1","op":"ping"}`
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(answer)}}
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Args, topics(d.kind)+strings.ToUpper(s)) })
	return h
}

func (d dialect) Ack(f feed.Frame, _ []string) []feed.Frame {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"success":true,"ret_msg":"","conn_id":"c-1","req_id":%q,"op":"subscribe"}`, r.ID))}
}

func (d dialect) Reject(f feed.Frame, _, bad []string) ([]feed.Frame, []string) {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	text := fmt.Sprintf(`{"success":false,"ret_msg":"error:handler not found,topic:%s%s","conn_id":"c-1","req_id":%q,"op":"subscribe"}`, topics(d.kind), bad[0], r.ID)
	return []feed.Frame{feed.TextFrame(text)}, nil
}

func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	if d.kind == feed.Trades {
		return nil
	}
	return d.Prices(symbol, prices[len(prices)-1:])
}

func (d dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	if d.kind == feed.Tickers {
		var frames []feed.Frame
		for _, p := range prices {
			frames = append(frames, d.tickers(symbol, p, strconv.Quote(p.Text))...)
		}
		return frames
	}
	var elements []string
	for _, p := range prices {
		elements = append(elements, d.element(symbol, p, strconv.Quote(p.Text)))
	}
	return []feed.Frame{d.message(symbol, prices[0].TS, elements...)}
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	if d.kind == feed.Tickers {
		frames := d.tickers(symbol, p, token)
		return frames[len(frames)-1]
	}
	return d.message(symbol, p.TS, d.element(symbol, p, token))
}

func (d dialect) message(symbol string, ts int64, elements ...string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"topic":"publicTrade.%s","type":"snapshot","ts":%d,"data":[%s]}`, strings.ToUpper(symbol), ts, strings.Join(elements, ",")))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	side, more := strings.ToUpper(p.Side[:1])+p.Side[1:], ""
	if d.linear {
		more = `,"L":"PlusTick"`
	}
	return fmt.Sprintf(`{"T":%d,"s":%q,"S":%q,"v":%q,"p":%s%s,"i":%q,"BT":false,"RPI":false,"seq":77}`, p.TS, strings.ToUpper(symbol), side, p.Size, token, more, p.ID)
}

// tickers are whole on the spot market. Of linear contracts only what has changed is sent, here
// the bid apart from the rest.
func (d dialect) tickers(symbol string, p feed.Price, token string) []feed.Frame {
	sent := strings.ToUpper(symbol)
	if !d.linear {
		return []feed.Frame{feed.TextFrame(fmt.Sprintf(`{"topic":"tickers.%s","ts":%d,"type":"snapshot","cs":9,"data":{"symbol":%q,"lastPrice":%s,"highPrice24h":"3","volume24h":"12.5"}}`, sent, p.TS, sent, token))}
	}
	return []feed.Frame{
		feed.TextFrame(fmt.Sprintf(`{"topic":"tickers.%s","type":"delta","ts":%d,"cs":8,"data":{"symbol":%q,"markPrice":"5","bid1Price":%q}}`, sent, p.TS, sent, p.Bid)),
		feed.TextFrame(fmt.Sprintf(`{"topic":"tickers.%s","type":"delta","ts":%d,"cs":9,"data":{"symbol":%q,"lastPrice":%s,"ask1Price":%q}}`, sent, p.TS, sent, token, p.Ask)),
	}
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	switch {
	case d.kind == feed.Tickers && d.linear:
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	case d.kind == feed.Tickers:
		return p
	case d.linear:
		p.ID = fmt.Sprintf("5d2c1f00-0000-4000-8000-%012d", n)
	default:
		p.ID = "22900000000" + strconv.Itoa(50_000_000+n)
	}
	p.Size, p.Side = "0.010", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
