package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how a market of Gate speaks.
type dialect struct {
	market string
	kind   feed.Kind
}

func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC_USDT", "eth_usdt", "1INCH_USDT"}, "NOSUCH_USDT"
}

func (d dialect) Greeting() []feed.Frame  { return nil }
func (d dialect) Heartbeat() []feed.Frame { return nil } // it sends ping frames, and answers
func (d dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Channel == d.market+".ping" {
		answer := fmt.Sprintf(`{"time":%d,"time_ms":%d,"conn_id":"c0ffee01","channel":"%s.pong","event":"","result":null}`, r.Time, r.Time*1000, d.market)
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(answer)}}
	}
	if r.Channel != d.channel() || r.Event != "subscribe" {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Payload, strings.ToUpper(s)) })
	return h
}

func (d dialect) channel() string { return d.market + "." + string(d.kind) }

func (d dialect) Ack(f feed.Frame, _ []string) []feed.Frame {
	return []feed.Frame{d.answer(f, `"result":{"status":"success"}`)}
}

// Reject fails all that was asked for at once. Of contracts it grants what does not exist, too.
func (d dialect) Reject(f feed.Frame, good, bad []string) ([]feed.Frame, []string) {
	if d.market == "futures" {
		return d.Ack(f, nil), append(good, bad...)
	}
	return []feed.Frame{d.answer(f, fmt.Sprintf(`"error":{"code":2,"message":"unknown currency pair %s"},"result":{"status":"fail"}`, bad[0]))}, nil
}

func (d dialect) answer(f feed.Frame, what string) feed.Frame {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	return feed.TextFrame(fmt.Sprintf(`{"time":%d,"time_ms":%d,"id":%d,"conn_id":"c0ffee01","channel":%q,"event":"subscribe","payload":["%s"],%s}`,
		r.Time, r.Time*1000, r.ID, r.Channel, strings.Join(r.Payload, `","`), what))
}

func (d dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

// Prices have several trades of a contract in one message, here newest first, or one of all else.
func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	if d.market == "futures" && d.kind == feed.Trades {
		var elements []string
		for _, p := range slices.Backward(prices) {
			elements = append(elements, d.element(symbol, p, strconv.Quote(p.Text)))
		}
		return []feed.Frame{d.message(prices[len(prices)-1].TS, "["+strings.Join(elements, ",")+"]")}
	}
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, strconv.Quote(p.Text)))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	element := d.element(symbol, p, token)
	if d.market == "futures" {
		element = "[" + element + "]"
	}
	return d.message(p.TS, element)
}

func (d dialect) message(ms int64, result string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"time":%d,"time_ms":%d,"conn_id":"c0ffee01","channel":%q,"event":"update","result":%s}`, ms/1000, ms, d.channel(), result))
}

func (d dialect) element(symbol string, p feed.Price, token string) string {
	sent := strings.ToUpper(symbol)
	switch {
	case d.market == "futures" && d.kind == feed.Tickers:
		return fmt.Sprintf(`{"contract":%q,"last":%s,"change_percentage":"-1.5","total_size":"5036","volume_24h":"7524","mark_price":"2","funding_rate":"-0.00001","index_price":"2","quanto_base_rate":"","low_24h":"1","high_24h":"3","price_type":"last","t":%d}`, sent, token, p.TS)
	case d.market == "futures":
		size := p.Size
		if p.Side == feed.Sell {
			size = "-" + size
		}
		return fmt.Sprintf(`{"size":%s,"id":%s,"create_time":%d,"create_time_ms":%d,"price":%s,"contract":%q}`, size, p.ID, p.TS/1000, p.TS, token, sent)
	case d.kind == feed.Tickers:
		return fmt.Sprintf(`{"currency_pair":%q,"last":%s,"lowest_ask":%q,"highest_bid":%q,"change_percentage":"-5.25","base_volume":"106.5","quote_volume":"3244","high_24h":"3","low_24h":"1"}`, sent, token, p.Ask, p.Bid)
	}
	return fmt.Sprintf(`{"id":%s,"create_time":%d,"create_time_ms":"%d.4578","side":%q,"currency_pair":%q,"amount":%q,"price":%s,"range":"2390902-2390902"}`, p.ID, p.TS/1000, p.TS, p.Side, sent, p.Size, token)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.kind == feed.Tickers {
		if d.market == "spot" {
			p.Bid, p.Ask = "0.50", "0.75"
		}
		return p
	}
	id := 309_000_000 + 2*n
	p.Seq, p.ID, p.Size, p.Side = uint64(id), strconv.Itoa(id), "16", feed.Buy
	if d.market == "spot" {
		p.Size = "16.4700000000"
	}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
