// Package bitmex reads the trades of BitMEX. What it relies on is in docs/feeds.md.
package bitmex

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is all of its markets: contracts, spot pairs and indices share one address.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "bitmex", Title: "BitMEX", Example: "XBTUSD", URL: "wss://ws.bitmex.com/realtime",
		Spelling: "contracts in capitals, joined, such as XBTUSD or XBTM27; spot pairs as XBT_USDT; indices as .BXBT",
		Hint:     "Bitcoin is XBT there.",
		Kinds:    []feed.Kind{feed.Trades},
		Limits:   feed.Limits{Messages: 5, Connects: 5, FrameQuiet: 25 * time.Second},
		Plan:     plan,
		Dialect:  func(feed.Kind) feed.Dialect { return dialect{} },
	}
}

const (
	pingEvery  = 10 * time.Second
	maxSymbols = 200 // of a connection, each of which is asked for alone
	topic      = "trade:"
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if s == "" || strings.ContainsAny(s, ` ":,/\`) {
			return nil, fmt.Errorf("%s is no symbol: it is written as in XBTUSD", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, feed.Same)
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
	Op   string   `json:"op"`
	Args []string `json:"args"`
}

// Open asks for one symbol in each message, because an error repeats the message and does not say
// which of several it is about.
func (s *session) Open() (frames []feed.Frame) {
	for _, symbol := range s.symbols {
		frames = append(frames, feed.JSON(request{"subscribe", []string{topic + symbol}}))
	}
	return frames
}

func ping() feed.Frame { return feed.TextFrame("ping") }

// message is whatever comes but trades and the answer to a ping.
type message struct {
	Info      feed.Scalar `json:"info"`
	Success   feed.Scalar `json:"success"`
	Subscribe feed.Scalar `json:"subscribe"`
	Error     feed.Scalar `json:"error"`
	Table     feed.Scalar `json:"table"`
	Action    feed.Scalar `json:"action"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	if string(text) == "pong" {
		out.Alive()
		return nil
	}
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch {
	case m.Table.Text() == "trade":
		return s.trades(text, m.Action.Text(), out)
	case m.Table.Text() != "": // which nobody asked for
	case m.Error.Text() != "":
		s.refused(text, m.Error.Text(), out)
	case m.Success.IsTrue() && m.Subscribe.Text() != "":
		if symbol, ok := s.names.AskedOrDrop(strings.TrimPrefix(m.Subscribe.Text(), topic), out); ok {
			out.Ack(symbol)
		}
	case m.Info.Text() != "":
		out.Alive()
	}
	return nil
}

// refused reads an error, which repeats the request that it answers.
func (s *session) refused(text []byte, why string, out *feed.Events) {
	var m struct {
		Request struct {
			Args []feed.Scalar `json:"args"`
		} `json:"request"`
	}
	if args := &m.Request.Args; feed.Unmarshal(text, &m) == nil && len(*args) == 1 {
		if symbol, ok := s.names.Asked(strings.TrimPrefix((*args)[0].Text(), topic)); ok {
			out.Reject(symbol, why)
			return
		}
	}
	out.Drop(feed.Unknown, why)
}

type trade struct {
	Time   feed.Scalar `json:"timestamp"`
	Symbol feed.Scalar `json:"symbol"`
	Side   feed.Scalar `json:"side"` // of who took; a settlement and an index have none
	Size   feed.Scalar `json:"size"`
	Price  feed.Scalar `json:"price"`
	ID     feed.Scalar `json:"trdMatchID"`
}

// trades reads what was traded: "partial" is the last one before, "insert" is live.
func (s *session) trades(text []byte, action string, out *feed.Events) error {
	if action != "partial" && action != "insert" {
		return nil
	}
	var m struct {
		Data []trade `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	for i := range m.Data {
		t := &m.Data[i]
		symbol, ok := s.names.AskedOrDrop(t.Symbol.Text(), out)
		if !ok {
			continue
		}
		p := feed.Price{Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Time(), ID: t.ID.Text(), Size: t.Size.Text(), Side: strings.ToLower(t.Side.Text())}
		if action == "partial" {
			out.Snapshot(p)
		} else {
			out.Price(p)
		}
	}
	if len(m.Data) == 0 {
		out.Alive()
	}
	return nil
}
