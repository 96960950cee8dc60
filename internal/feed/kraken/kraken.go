// Package kraken reads the spot market of Kraken, by version 2 of its WebSocket. What it relies on
// is in docs/feeds.md.
package kraken

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the spot market.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "kraken", Title: "Kraken, spot", Example: "BTC/USD", URL: "wss://ws.kraken.com/v2",
		Spelling: "base/quote, as in the field wsname of its REST, but BTC and DOGE and not XBT and XDG",
		Hint:     "Case matters: a tokenised stock is AAPLx/USD.",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 10, Connects: 15, FrameQuiet: 12 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{channel(k)} },
	}
}

const (
	pingEvery  = 5 * time.Second // its heartbeats begin with the first subscription, and each of them is no more certain
	maxSymbols = 500             // of a connection
	perRequest = 100             // symbols
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		base, quote, two := strings.Cut(s, "/")
		if !two || base == "" || quote == "" || strings.ContainsAny(quote, "/ ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC/USD", s)
		}
		if now := today(base) + "/" + today(quote); now != s {
			return nil, fmt.Errorf("%s is a symbol of version 1: now it is %s", s, now)
		}
	}
	names, err := feed.NewNames(r.Symbols, feed.Same)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, channel: channel(r.Kind), symbols: symbols, names: names}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

// today is what version 2 calls a currency.
func today(currency string) string {
	switch currency {
	case "XBT":
		return "BTC"
	case "XDG":
		return "DOGE"
	}
	return currency
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
	channel  string
	symbols  []string
	names    feed.Names
	requests *feed.Requests
}

func (s *session) Open() []feed.Frame { return s.requests.Ask(s.symbols, perRequest) }

type request struct {
	Method string `json:"method"`
	Params params `json:"params,omitzero"`
	ID     int    `json:"req_id,omitzero"`
}

type params struct {
	Channel string   `json:"channel"`
	Symbol  []string `json:"symbol"`
	// Snapshot asks for what was traded last, so that a symbol has a price before its next trade.
	Snapshot bool `json:"snapshot"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	return feed.JSON(request{Method: "subscribe", Params: params{s.channel, symbols, true}, ID: id})
}

func ping() feed.Frame { return feed.JSON(request{Method: "ping"}) }

// header is what messages have.
type header struct {
	Channel feed.Scalar `json:"channel"`
	Type    feed.Scalar `json:"type"`

	Method  feed.Scalar `json:"method"`
	Success feed.Scalar `json:"success"`
	Error   feed.Scalar `json:"error"`
	Symbol  feed.Scalar `json:"symbol"`
	ID      feed.Scalar `json:"req_id"`
	Result  struct {
		Symbol feed.Scalar `json:"symbol"`
	} `json:"result"`
}

// data is a trade or a ticker.
type data struct {
	Symbol feed.Scalar `json:"symbol"`
	Time   feed.Scalar `json:"timestamp"`

	Side  feed.Scalar `json:"side"`
	Price feed.Scalar `json:"price"`
	Size  feed.Scalar `json:"qty"`
	Trade feed.Scalar `json:"trade_id"`

	Last feed.Scalar `json:"last"`
	Bid  feed.Scalar `json:"bid"`
	Ask  feed.Scalar `json:"ask"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m header
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch channel := m.Channel.Text(); {
	case channel == s.channel:
		return s.prices(m.Type.Text() == "snapshot", text, out)
	case channel == "heartbeat" || channel == "status": // which new connections get alike, so none is dialled for it
		out.Alive()
	case channel != "": // that nobody asked for
	case m.Method.Text() == "pong":
		out.Alive()
	case m.Success.IsTrue():
		s.granted(&m, out)
	case m.Success.IsFalse():
		s.refused(&m, out)
	}
	return nil
}

// granted reads an ack, of which each symbol has one.
func (s *session) granted(m *header, out *feed.Events) {
	symbol, ok := s.names.AskedOrDrop(m.Result.Symbol.Text(), out)
	if !ok {
		return
	}
	out.Ack(symbol)
}

// refused reads a refusal. It names one symbol, in a field or as the last word, or none: then
// what was asked for with it is asked for again one by one.
func (s *session) refused(m *header, out *feed.Events) {
	why := m.Error.Text()
	if why == already {
		s.requests.Granted(m.ID, out)
		return
	}
	for _, name := range []string{m.Symbol.Text(), m.Result.Symbol.Text(), why[strings.LastIndexByte(why, ' ')+1:]} {
		if symbol, ok := s.names.Asked(name); ok {
			out.Reject(symbol, why)
			return
		}
	}
	s.requests.Failed(m.ID, why, out)
}

// already is the error of what was granted before.
const already = "Already subscribed"

func (s *session) prices(snapshot bool, text []byte, out *feed.Events) error {
	var m struct {
		Data []data `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	for i := range m.Data {
		d := &m.Data[i]
		symbol, ok := s.names.AskedOrDrop(d.Symbol.Text(), out)
		if !ok {
			continue
		}
		p := feed.Price{Symbol: symbol, TS: d.Time.Time()}
		if s.channel == "trade" {
			p.Text, p.Size, p.Side = d.Price.Text(), d.Size.Text(), d.Side.Text()
			p.Seq, p.ByOne, p.ID = d.Trade.Uint(), true, d.Trade.Text()
		} else {
			p.Text, p.Bid, p.Ask = d.Last.Text(), d.Bid.Text(), d.Ask.Text()
			if d.Last.IsAbsent() || p.TS == 0 && strings.Trim(p.Text, "0.") == "" && p.Text != "" { // it was never traded
				out.Alive()
				continue
			}
		}
		if snapshot {
			out.Snapshot(p)
		} else {
			out.Price(p)
		}
	}
	return nil
}
