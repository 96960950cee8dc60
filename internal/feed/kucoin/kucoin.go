// Package kucoin reads the spot market of KuCoin. What it relies on is in docs/feeds.md.
package kucoin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the spot market.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "kucoin", Title: "KuCoin, spot", Example: "BTC-USDT", URL: "wss://api.kucoin.com" + tokenPath,
		Spelling: "base and quote with a hyphen, in any case",
		Hint:     "It is asked over HTTPS at its address where to connect to.",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 10, Connects: 30, Lifetime: 24 * time.Hour, FrameQuiet: 40 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{k} },
	}
}

const (
	pingEvery  = 15 * time.Second // unless the exchange wants them more often
	perRequest = 100              // symbols
	maxSymbols = 300              // of a connection
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if base, quote, ok := strings.Cut(s, "-"); !ok || base == "" || quote == "" || strings.ContainsAny(s, `,:/ "\`) {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC-USDT", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		s := &session{url: r.URL, topic: topic(r.Kind), symbols: symbols, names: names}
		s.requests = feed.NewRequests(s.subscribe)
		s.Pings = feed.Pings{Every: pingEvery, Frame: ping}
		return s
	}), nil
}

// topic is what the topics of a kind begin with.
func topic(k feed.Kind) string {
	if k == feed.Tickers {
		return "/market/ticker:"
	}
	return "/market/match:"
}

type session struct {
	feed.Pings
	url      string
	topic    string
	symbols  []string
	names    feed.Names
	requests *feed.Requests
}

// Open returns nothing: the exchange has to welcome first.
func (s *session) Open() []feed.Frame { return nil }

type request struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Topic    string `json:"topic,omitzero"`
	Response bool   `json:"response,omitzero"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	return feed.JSON(request{strconv.Itoa(id), "subscribe", s.topic + strings.ToUpper(strings.Join(symbols, ",")), true})
}

func ping() feed.Frame { return feed.JSON(request{ID: "ping", Type: "ping"}) }

// message is whatever comes. What its data is depends on it.
type message struct {
	ID    feed.Scalar `json:"id"`
	Type  feed.Scalar `json:"type"`
	Topic feed.Scalar `json:"topic"`
	Data  feed.Scalar `json:"data"` // of an error
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch m.Type.Text() {
	case "welcome":
		out.Alive()
		out.Send(s.requests.Ask(s.symbols, perRequest)...)
	case "ack":
		s.requests.Granted(m.ID, out)
	case "error":
		s.requests.Failed(m.ID, m.Data.Text(), out)
	case "pong":
		out.Alive()
	case "message":
		if strings.HasPrefix(m.Topic.Text(), s.topic) {
			return s.price(text, strings.TrimPrefix(m.Topic.Text(), s.topic), out)
		}
	}
	return nil
}

// data is a trade or a ticker.
type data struct {
	Sequence feed.Scalar `json:"sequence"` // rises in each symbol, by more than one
	Price    feed.Scalar `json:"price"`
	Size     feed.Scalar `json:"size"`
	Side     feed.Scalar `json:"side"` // of who took
	ID       feed.Scalar `json:"tradeId"`
	Time     feed.Scalar `json:"time"` // of a trade in nanoseconds, of a ticker in milliseconds
	Bid      feed.Scalar `json:"bestBid"`
	Ask      feed.Scalar `json:"bestAsk"`
}

func (s *session) price(text []byte, name string, out *feed.Events) error {
	var m struct {
		Data data `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	symbol, ok := s.names.AskedOrDrop(name, out)
	if !ok {
		return nil
	}
	d := &m.Data
	p := feed.Price{Symbol: symbol, Text: d.Price.Text(), Seq: d.Sequence.Uint()}
	if s.topic == topic(feed.Tickers) {
		p.TS, p.Bid, p.Ask = d.Time.Millis(), d.Bid.Text(), d.Ask.Text()
	} else {
		p.TS, p.ID, p.Size, p.Side = d.Time.Nanos(), d.ID.Text(), d.Size.Text(), d.Side.Text()
	}
	out.Price(p)
	return nil
}
