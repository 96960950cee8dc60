// Package coinbase reads Coinbase Advanced Trade. What it relies on is in docs/feeds.md.
package coinbase

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the market data of Advanced Trade.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "coinbase", Title: "Coinbase, Advanced Trade", Example: "BTC-USD", URL: "wss://advanced-trade-ws.coinbase.com",
		Spelling: "base-quote in capitals",
		Hint:     "What is quoted in USDC is the book in USD, so BTC-USDC and BTC-USD are one.",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 8, Connects: 60, FrameQuiet: 15 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{channel(k)} },
	}
}

const (
	maxSymbols = 200 // of a connection
	perRequest = 20  // symbols, each of which brings 100 trades at first, perhaps in one message
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if base, quote, two := strings.Cut(s, "-"); !two || base == "" || quote == "" || s != strings.ToUpper(s) || strings.ContainsAny(s, " /") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC-USD", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, book)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), channel: channel(r.Kind), symbols: symbols, names: names, granted: map[string]bool{}}
	}), nil
}

// book is the product whose book a product shows: all in USDC show that in USD, but for two.
func book(product string) string {
	if base, ok := strings.CutSuffix(product, "-USDC"); ok && base != "USDT" && base != "EURC" {
		return base + "-USD"
	}
	return product
}

func channel(k feed.Kind) string {
	if k == feed.Tickers {
		return "ticker"
	}
	return "market_trades"
}

// heartbeats is the channel that keeps the others open, and proves that the connection lives.
const heartbeats = "heartbeats"

type session struct {
	feed.Fixed
	channel string
	symbols []string
	names   feed.Names
	waiting [][]string      // symbols of each request without an answer, oldest first: errors name none
	granted map[string]bool // symbols
	counted bool            // next is known
	next    uint64          // number of the connection's messages
}

func (s *session) Open() []feed.Frame {
	return append([]feed.Frame{feed.JSON(request{Type: "subscribe", Channel: heartbeats})}, s.ask(s.symbols, perRequest)...)
}

func (s *session) Tick(time.Time) []feed.Frame { return nil }

type request struct {
	Type     string   `json:"type"`
	Products []string `json:"product_ids,omitzero"`
	Channel  string   `json:"channel"`
}

// ask asks for symbols, size in each request.
func (s *session) ask(symbols []string, size int) (frames []feed.Frame) {
	feed.Batches(symbols, size, func(batch []string) {
		s.waiting = append(s.waiting, batch)
		frames = append(frames, feed.JSON(request{"subscribe", batch, s.channel}))
	})
	return frames
}

// message is what comes.
type message struct {
	Type     feed.Scalar `json:"type"` // of errors only
	Message  feed.Scalar `json:"message"`
	Reason   feed.Scalar `json:"reason"`
	Channel  feed.Scalar `json:"channel"`
	Time     feed.Scalar `json:"timestamp"`
	Sequence feed.Scalar `json:"sequence_num"`
	Events   []event     `json:"events"`
}

type event struct {
	Type          feed.Scalar              `json:"type"`
	Subscriptions map[string][]feed.Scalar `json:"subscriptions"`
	Trades        []trade                  `json:"trades"`
	Tickers       []ticker                 `json:"tickers"`
}

type trade struct {
	Product feed.Scalar `json:"product_id"`
	ID      feed.Scalar `json:"trade_id"`
	Price   feed.Scalar `json:"price"`
	Size    feed.Scalar `json:"size"`
	Time    feed.Scalar `json:"time"`
}

type ticker struct {
	Product feed.Scalar `json:"product_id"`
	Price   feed.Scalar `json:"price"`
	Bid     feed.Scalar `json:"best_bid"`
	Ask     feed.Scalar `json:"best_ask"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	s.count(m.Sequence, out)
	switch channel := m.Channel.Text(); {
	case channel == s.channel:
		out.Alive() // a message may have no trades
		for i := range m.Events {
			s.event(&m.Events[i], m.Time.Time(), out)
		}
	case channel == "subscriptions":
		out.Alive()
		for i := range m.Events {
			s.grant(m.Events[i].Subscriptions[s.channel], out)
		}
	case channel == heartbeats:
		out.Alive()
	case channel == "" && m.Type.Text() == "error":
		s.refuse(strings.TrimSpace(m.Message.Text()+" "+m.Reason.Text()), out)
	}
	return nil
}

// count finds gaps in the numbers of the connection's messages.
func (s *session) count(number feed.Scalar, out *feed.Events) {
	if number.Text() == "" {
		return
	}
	n := number.Uint()
	if s.counted && n > s.next {
		out.Gap(n-s.next, fmt.Sprintf("the connection: %d messages are missing before number %d", n-s.next, n))
	}
	if !s.counted || n >= s.next {
		s.counted, s.next = true, n+1
	}
}

// grant reads an ack, which lists all that was granted so far, in any order.
func (s *session) grant(list []feed.Scalar, out *feed.Events) {
	for _, product := range list {
		symbol, ok := s.symbol(product, out)
		if ok && !s.granted[symbol] {
			s.granted[symbol] = true
			out.Ack(symbol)
		}
	}
	for len(s.waiting) > 0 && len(s.missing(s.waiting[0])) == 0 {
		s.waiting = s.waiting[1:]
	}
}

// missing are those of symbols that were not granted.
func (s *session) missing(symbols []string) []string {
	return slices.DeleteFunc(slices.Clone(symbols), func(symbol string) bool { return s.granted[symbol] })
}

// refuse reads an error. It is of the oldest request without an answer, and may name no product:
// those that were asked for together are then asked for one by one.
func (s *session) refuse(why string, out *feed.Events) {
	out.Alive()
	if len(s.waiting) == 0 {
		out.Drop(feed.Unknown, why)
		return
	}
	asked := s.waiting[0]
	missing := s.missing(asked)
	s.waiting = s.waiting[1:]
	if len(asked) == 1 {
		out.Reject(asked[0], why)
		return
	}
	out.Send(s.ask(missing, 1)...)
}

// symbol is the one that was asked for by a product's name.
func (s *session) symbol(product feed.Scalar, out *feed.Events) (string, bool) {
	symbol, ok := s.names.Asked(book(product.Text()))
	if !ok {
		out.Drop(feed.Stranger, feed.Quote(product.Text()))
	}
	return symbol, ok
}

// event reads prices. Of trades the newest is first, which their numbers undo.
func (s *session) event(e *event, ts int64, out *feed.Events) {
	add := out.Price
	if e.Type.Text() == "snapshot" {
		add = out.Snapshot
	}
	for i := range e.Trades {
		t := &e.Trades[i]
		if symbol, ok := s.symbol(t.Product, out); ok {
			add(feed.Price{Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Time(), Seq: t.ID.Uint(), ID: t.ID.Text(), Size: t.Size.Text()})
		}
	}
	for i := range e.Tickers {
		t := &e.Tickers[i]
		if symbol, ok := s.symbol(t.Product, out); ok {
			add(feed.Price{Symbol: symbol, Text: t.Price.Text(), TS: ts, Bid: t.Bid.Text(), Ask: t.Ask.Text()})
		}
	}
}
