package binance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Binance speaks.
type dialect struct {
	kind feed.Kind
	options
}

func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTCUSDT", "ethusdt", "1000SATSUSDT"}, "NOSUCHUSDT"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it sends ping frames

func (d dialect) Notice() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"e":"serverShutdown","E":1700000000000}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r struct {
		Method string      `json:"method"`
		Params []string    `json:"params"`
		ID     feed.Scalar `json:"id"`
	}
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Method == "LIST_SUBSCRIPTIONS" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(`{"result":["btcusdt@trade"],"id":` + r.ID.Text() + `}`)}}
	}
	h.Subscribe = feed.Asked(d, func(s string) bool {
		return slices.Contains(r.Params, strings.ToLower(s)+"@"+stream(d.kind, d.options))
	})
	return h
}

func (d dialect) Ack(f feed.Frame, _ []string) []feed.Frame {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return nil
	}
	return []feed.Frame{feed.TextFrame(`{"result":null,"id":` + strconv.Itoa(r.ID) + `}`)}
}

// Reject grants what does not exist, too.
func (d dialect) Reject(f feed.Frame, good, bad []string) ([]feed.Frame, []string) {
	return d.Ack(f, nil), append(good, bad...)
}

func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, strconv.Quote(p.Text)))
	}
	return frames
}

func (d dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

// Raw wraps the messages of half of the symbols, as /stream does.
func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	sent := strings.ToUpper(symbol)
	var text string
	switch {
	case d.kind == feed.Tickers:
		text = fmt.Sprintf(`{"e":"24hrTicker","E":%d,"s":%q,"p":"-12.5","P":"-0.2","w":"7","c":%s,"Q":"3","b":%q,"a":%q,"o":"1","h":"2","l":"1","v":"9","q":"8","O":0,"C":5,"F":1,"L":2,"n":2}`,
			p.TS, sent, token, p.Bid, p.Ask)
	case d.trades == "aggTrade":
		text = fmt.Sprintf(`{"e":"aggTrade","E":%d,"a":%d,"s":%q,"p":%s,"q":%q,"f":71,"l":72,"T":%d,"m":%t,"st":1}`, p.TS, p.Seq, sent, token, p.Size, p.TS, p.Side == feed.Sell)
	default:
		text = fmt.Sprintf(`{"e":"trade","E":%d,"s":%q,"t":%d,"p":%s,"q":%q,"T":%d,"m":%t,"M":true}`, p.TS, sent, p.Seq, token, p.Size, p.TS, p.Side == feed.Sell)
	}
	if len(symbol)%2 == 0 {
		text = fmt.Sprintf(`{"stream":%q,"data":%s}`, strings.ToLower(symbol)+"@"+stream(d.kind, d.options), text)
	}
	return feed.TextFrame(text)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	if d.kind == feed.Tickers {
		return feed.Price{Symbol: symbol, Text: text, TS: ms, Bid: "0.50", Ask: "0.75"}
	}
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, Seq: uint64(5000 + n), ByOne: true, ID: strconv.Itoa(5000 + n), Size: "0.30500000", Side: feed.Buy}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
