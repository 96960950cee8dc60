// Package bitget reads Bitget: the spot market, and the futures in USDT, by version 2 of its
// WebSocket. What it relies on is in docs/feeds.md.
package bitget

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// Spot is the spot market.
func Spot() feed.Exchange {
	return market(feed.Exchange{Name: "bitget", Title: "Bitget, spot"}, "SPOT")
}

// Futures is the futures in USDT.
func Futures() feed.Exchange {
	return market(feed.Exchange{Name: "bitget-futures", Title: "Bitget, futures in USDT"}, "USDT-FUTURES")
}

const (
	pingEvery  = 20 * time.Second
	maxSymbols = 200 // of a connection
	perRequest = 40  // symbols
)

func market(e feed.Exchange, market string) feed.Exchange {
	e.Example, e.URL = "BTCUSDT", "wss://ws.bitget.com/v2/ws/public"
	e.Spelling = "base and quote in capitals, joined"
	e.Kinds = []feed.Kind{feed.Trades, feed.Tickers}
	e.Limits = feed.Limits{Messages: 8, Connects: 60, FrameQuiet: 50 * time.Second}
	e.Plan = func(r feed.Request) ([]feed.Part, error) { return plan(r, market) }
	e.Dialect = func(k feed.Kind) feed.Dialect { return dialect{k, market} }
	return e
}

func plan(r feed.Request, market string) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, "./-_ ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTCUSDT", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, market: market, channel: channel(r.Kind), symbols: symbols, names: names}
	}), nil
}

func channel(k feed.Kind) string {
	if k == feed.Tickers {
		return "ticker"
	}
	return "trade"
}

type session struct {
	feed.Fixed
	feed.Pings
	market, channel string
	symbols         []string
	names           feed.Names
}

type request struct {
	Op   string `json:"op"`
	Args []arg  `json:"args"`
}

type arg struct {
	Market  string `json:"instType"`
	Channel string `json:"channel"`
	Symbol  string `json:"instId"`
}

func (s *session) Open() (frames []feed.Frame) {
	feed.Batches(s.symbols, perRequest, func(batch []string) {
		r := request{Op: "subscribe"}
		for _, symbol := range batch {
			r.Args = append(r.Args, arg{s.market, s.channel, strings.ToUpper(symbol)})
		}
		frames = append(frames, feed.JSON(r))
	})
	return frames
}

// ping is a ping, which is no JSON, as is its answer.
func ping() feed.Frame { return feed.TextFrame("ping") }

// header is what messages have.
type header struct {
	Event   feed.Scalar `json:"event"`
	Message feed.Scalar `json:"msg"`
	Action  feed.Scalar `json:"action"`
	Arg     struct {
		Market  feed.Scalar `json:"instType"`
		Channel feed.Scalar `json:"channel"`
		Symbol  feed.Scalar `json:"instId"`
	} `json:"arg"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	if string(text) == "pong" {
		out.Alive()
		return nil
	}
	var m header
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	event, action := m.Event.Text(), m.Action.Text()
	if event == "error" && m.Arg.Symbol.IsAbsent() { // of what was asked for it names nothing
		out.Drop(feed.Unknown, m.Message.Text())
		return nil
	}
	if event != "subscribe" && event != "error" && action == "" || m.Arg.Channel.Text() != s.channel || m.Arg.Market.Text() != s.market {
		return nil
	}
	symbol, ok := s.names.AskedOrDrop(m.Arg.Symbol.Text(), out)
	switch {
	case !ok:
	case event == "subscribe":
		out.Ack(symbol)
	case event == "error":
		out.Reject(symbol, m.Message.Text())
	default:
		return s.prices(symbol, action == "snapshot" && s.channel == "trade", text, out) // each ticker is a snapshot
	}
	return nil
}

// data is a trade or a ticker.
type data struct {
	Time feed.Scalar `json:"ts"`

	Price feed.Scalar `json:"price"`
	Size  feed.Scalar `json:"size"`
	Side  feed.Scalar `json:"side"`
	ID    feed.Scalar `json:"tradeId"`

	Last feed.Scalar `json:"lastPr"`
	Bid  feed.Scalar `json:"bidPr"`
	Ask  feed.Scalar `json:"askPr"`
}

// prices reads an array. That numbers of trades rise is seen, but nowhere promised: so they only say
// which end of the array is the newest.
func (s *session) prices(symbol string, snapshot bool, text []byte, out *feed.Events) error {
	var m struct {
		Data []data `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	n := out.Len()
	for i := range m.Data {
		d := &m.Data[i]
		p := feed.Price{Symbol: symbol, TS: d.Time.Millis(), Text: d.Price.Text(), Size: d.Size.Text(), Side: d.Side.Text(), ID: d.ID.Text()}
		if s.channel == "ticker" {
			p = feed.Price{Symbol: symbol, TS: d.Time.Millis(), Text: d.Last.Text(), Bid: d.Bid.Text(), Ask: d.Ask.Text()}
		}
		if snapshot {
			out.Snapshot(p)
		} else {
			out.Price(p)
		}
	}
	if len(m.Data) == 0 {
		out.Alive()
	} else if m.Data[0].ID.Uint() > m.Data[len(m.Data)-1].ID.Uint() {
		out.Newest(n)
	}
	return nil
}
