// Package bitstamp reads the trades of Bitstamp. What it relies on is in docs/feeds.md.
package bitstamp

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the market of Bitstamp. It has no channel of tickers.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "bitstamp", Title: "Bitstamp", Example: "btcusd", URL: "wss://ws.bitstamp.net",
		Spelling: "base and quote, joined, in any case",
		Hint:     "It may acknowledge symbols that do not exist, and send nothing for them.",
		Kinds:    []feed.Kind{feed.Trades},
		Limits:   feed.Limits{Messages: 20, Connects: 60, FrameQuiet: 40 * time.Second},
		Plan:     plan,
		Dialect:  func(feed.Kind) feed.Dialect { return dialect{} },
	}
}

const (
	pingEvery  = 15 * time.Second
	maxSymbols = 100 // of a connection, each of which is asked for alone
	channel    = "live_trades_"
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, "/_ ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in btcusd", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToLower)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, symbols: symbols, names: names}
	}), nil
}

type session struct {
	feed.Fixed
	feed.Pings
	symbols []string
	names   feed.Names
}

type request struct {
	Event string `json:"event"`
	Data  topic  `json:"data,omitzero"`
}

type topic struct {
	Channel string `json:"channel"`
}

func (s *session) Open() (frames []feed.Frame) {
	for _, symbol := range s.symbols {
		frames = append(frames, feed.JSON(request{"bts:subscribe", topic{channel + strings.ToLower(symbol)}}))
	}
	return frames
}

func ping() feed.Frame { return feed.JSON(request{Event: "bts:heartbeat"}) }

// header is what all messages have. What their data is depends on it.
type header struct {
	Event   feed.Scalar `json:"event"`
	Channel feed.Scalar `json:"channel"`
}

type trade struct {
	Data struct {
		ID     feed.Scalar `json:"id"`
		Time   feed.Scalar `json:"microtimestamp"`
		Price  feed.Scalar `json:"price_str"` // "price" is the same through a binary fraction
		Amount feed.Scalar `json:"amount_str"`
		Type   feed.Scalar `json:"type"`
	} `json:"data"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m header
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	name, ours := strings.CutPrefix(m.Channel.Text(), channel)
	symbol, asked := s.names.Asked(name)
	switch event := m.Event.Text(); {
	case event == "bts:request_reconnect":
		out.Reconnect("the exchange asks for a new connection")
	case event == "bts:heartbeat":
		out.Alive()
	case event == "bts:error":
		return refused(text, symbol, ours && asked, out)
	case !ours: // a channel that nobody asked for
	case event != "trade" && event != "bts:subscription_succeeded":
	case !asked:
		out.Drop(feed.Stranger, feed.Quote(name))
	case event == "trade":
		return price(text, symbol, out)
	default:
		out.Ack(symbol)
	}
	return nil
}

// refused reads an error. It may name no channel.
func refused(text []byte, symbol string, named bool, out *feed.Events) error {
	var m struct {
		Data struct {
			Message feed.Scalar `json:"message"`
		} `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	if named {
		out.Reject(symbol, m.Data.Message.Text())
	} else {
		out.Drop(feed.Unknown, m.Data.Message.Text())
	}
	return nil
}

func price(text []byte, symbol string, out *feed.Events) error {
	var m trade
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	d := &m.Data
	p := feed.Price{Symbol: symbol, Text: d.Price.Text(), TS: d.Time.Micros(), Seq: d.ID.Uint(), ID: d.ID.Text(), Size: d.Amount.Text()}
	switch d.Type.Text() {
	case "0":
		p.Side = feed.Buy
	case "1":
		p.Side = feed.Sell
	}
	out.Price(p)
	return nil
}
