// Package upbit reads Upbit. What it relies on is in docs/feeds.md.
package upbit

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the market of Upbit.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "upbit", Title: "Upbit", Example: "KRW-BTC", URL: "wss://api.upbit.com/websocket/v1",
		Spelling: "quote and base with a hyphen, in any case",
		Hint:     "It answers no request, so a symbol that does not exist is silent.",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 4, Connects: 60, FrameQuiet: 70 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{k} },
	}
}

const (
	pingEvery  = 30 * time.Second // 120 s without a message end the connection
	maxSymbols = 200              // of a connection, all of which are in its only request
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if quote, base, ok := strings.Cut(s, "-"); !ok || quote == "" || base == "" || strings.ContainsAny(base, `-/ "\`) {
			return nil, fmt.Errorf("%s is no symbol: it is written as in KRW-BTC", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, kind: kind(r.Kind), symbols: symbols, names: names}
	}), nil
}

// kind is what the exchange calls it.
func kind(k feed.Kind) string {
	if k == feed.Tickers {
		return "ticker"
	}
	return "trade"
}

type session struct {
	feed.Fixed
	feed.Pings
	kind    string
	symbols []string
	names   feed.Names
}

// part is one of those that make a request.
type part struct {
	Ticket string   `json:"ticket,omitzero"` // names the request, only for who sends it
	Type   string   `json:"type,omitzero"`
	Codes  []string `json:"codes,omitzero"`
}

// Open asks for all symbols at once: a second request would replace the first.
func (s *session) Open() []feed.Frame {
	p := part{Type: s.kind}
	for _, symbol := range s.symbols {
		p.Codes = append(p.Codes, strings.ToUpper(symbol))
	}
	return []feed.Frame{feed.JSON([]part{{Ticket: "backbone"}, p})}
}

func ping() feed.Frame { return feed.TextFrame("PING") }

// message is whatever comes, mostly in binary frames.
type message struct {
	Type   feed.Scalar `json:"type"`
	Status feed.Scalar `json:"status"` // answers a ping
	Error  *struct {
		Name    feed.Scalar `json:"name"`
		Message feed.Scalar `json:"message"`
	} `json:"error"`

	Code      feed.Scalar `json:"code"`
	Price     feed.Scalar `json:"trade_price"`
	Volume    feed.Scalar `json:"trade_volume"`
	Side      feed.Scalar `json:"ask_bid"` // ASK: who took has sold
	TradeTime feed.Scalar `json:"trade_timestamp"`
	Time      feed.Scalar `json:"timestamp"`
	ID        feed.Scalar `json:"sequential_id"` // unique, but nothing promises that it rises
	Stream    feed.Scalar `json:"stream_type"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch {
	case m.Type.Text() == s.kind:
		s.price(&m, out)
	case m.Type.Text() != "": // of a kind that nobody asked for
	case m.Error != nil:
		out.Drop(feed.Unknown, fmt.Sprintf("%s: %s", m.Error.Name.Text(), m.Error.Message.Text()))
	case m.Status.Text() != "":
		out.Alive()
	}
	return nil
}

func (s *session) price(m *message, out *feed.Events) {
	symbol, ok := s.names.AskedOrDrop(m.Code.Text(), out)
	if !ok {
		return
	}
	p := feed.Price{Symbol: symbol, Text: m.Price.Text(), TS: m.Time.Millis()}
	if s.kind == kind(feed.Trades) {
		p.TS, p.ID, p.Size, p.Side = m.TradeTime.Millis(), m.ID.Text(), m.Volume.Text(), side(m.Side.Text())
	}
	if m.Stream.Text() == "SNAPSHOT" {
		out.Snapshot(p)
	} else {
		out.Price(p)
	}
}

func side(text string) string {
	switch text {
	case "BID":
		return feed.Buy
	case "ASK":
		return feed.Sell
	}
	return ""
}
