package deribit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Deribit speaks.
type dialect struct{}

func (dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC-PERPETUAL", "ETH_USDC-26MAR27", "XRP_USDC-26MAR27-1d02-C"}, "NOSUCH-PERPETUAL"
}

func (dialect) Greeting() []feed.Frame { return nil }
func (dialect) Notice() []feed.Frame   { return nil }

// Heartbeat wants to be answered.
func (dialect) Heartbeat() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	switch r.Method {
	case "public/set_heartbeat":
		return feed.Heard{Answer: []feed.Frame{result(r.ID, `"ok"`)}}
	case "public/test":
		return feed.Heard{Ping: true, Answer: []feed.Frame{result(r.ID, `{"version":"1.2.26"}`)}}
	case "public/subscribe":
		h.Subscribe = feed.Asked(d, func(s string) bool { return slices.Contains(r.Params.Channels, channel(s)) })
	}
	return h
}

func result(id int, text string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s,"usIn":1790000000000100,"usOut":1790000000000200,"usDiff":100,"testnet":false}`, id, text))
}

func (dialect) Ack(f feed.Frame, symbols []string) []feed.Frame {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	channels := make([]string, 0, len(symbols))
	for _, s := range symbols {
		channels = append(channels, strconv.Quote(channel(s)))
	}
	return []feed.Frame{result(r.ID, "["+strings.Join(channels, ",")+"]")}
}

// Reject leaves the bad ones out of what it grants.
func (d dialect) Reject(f feed.Frame, good, _ []string) ([]feed.Frame, []string) {
	return d.Ack(f, good), good
}

// Snapshot has nothing: only what is traded comes.
func (dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

func (dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	var elements []string
	for _, p := range prices {
		elements = append(elements, element(symbol, p, p.Text))
	}
	return []feed.Frame{message(symbol, elements)}
}

func (dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return message(symbol, []string{element(symbol, p, token)})
}

func message(symbol string, elements []string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"jsonrpc":"2.0","method":"subscription","params":{"channel":%q,"data":[%s]}}`, channel(symbol), strings.Join(elements, ",")))
}

func element(symbol string, p feed.Price, token string) string {
	return fmt.Sprintf(`{"timestamp":%d,"price":%s,"amount":%s,"direction":%q,"index_price":2.5,"instrument_name":%q,"trade_seq":%d,"mark_price":2.25,"tick_direction":2,"contracts":1.0,"trade_id":%q}`,
		p.TS, token, p.Size, p.Side, symbol, p.Seq, p.ID)
}

func (dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, Seq: uint64(271_000_000 + n), ByOne: true, ID: strconv.Itoa(403_000_000 + 3*n), Size: "10.0", Side: feed.Buy}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
