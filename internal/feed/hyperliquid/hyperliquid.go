// Package hyperliquid reads the markets of Hyperliquid. What it relies on is in docs/feeds.md.
package hyperliquid

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is all of its markets: they share one address.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "hyperliquid", Title: "Hyperliquid", Example: "BTC", URL: "wss://api.hyperliquid.xyz/ws",
		Spelling: "the coin of a perpetual contract, such as BTC; spot pairs as @107 or PURR/USDC; of other builders dex:COIN",
		Hint:     "Case matters: 1000 PEPE are kPEPE. A number such as @107 may have a name of yours: @107=HYPE/USDC.",
		Kinds:    []feed.Kind{feed.Trades},
		Limits:   feed.Limits{Messages: 20, Connects: 30, FrameQuiet: 50 * time.Second},
		Plan:     plan,
		Dialect:  func(feed.Kind) feed.Dialect { return dialect{} },
	}
}

const (
	pingEvery = 20 * time.Second // a minute without a message ends the connection
	// maxSymbols is half of what one address may subscribe to: two connections overlap.
	maxSymbols = 500
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if s == "" || strings.ContainsAny(s, ` "\{}`) {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC", s)
		}
	}
	if len(r.Symbols) > maxSymbols {
		return nil, fmt.Errorf("has room for %d symbols from one address, not %d", maxSymbols, len(r.Symbols))
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
	Method       string       `json:"method"`
	Subscription subscription `json:"subscription,omitzero"`
}

type subscription struct {
	Type string `json:"type"`
	Coin string `json:"coin"`
}

// Open asks for one symbol in each message: more is not possible.
func (s *session) Open() (frames []feed.Frame) {
	for _, symbol := range s.symbols {
		frames = append(frames, feed.JSON(request{"subscribe", subscription{"trades", symbol}}))
	}
	return frames
}

func ping() feed.Frame { return feed.JSON(request{Method: "ping"}) }

// greeting is the first frame, which is no JSON.
const greeting = "Websocket connection established."

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	if string(text) == greeting {
		out.Alive()
		return nil
	}
	var m struct {
		Channel feed.Scalar `json:"channel"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch m.Channel.Text() {
	case "trades":
		return s.trades(text, out)
	case "subscriptionResponse":
		return s.granted(text, out)
	case "error":
		return s.refused(text, out)
	case "pong":
		out.Alive()
	}
	return nil
}

// coin is the part of a subscription that names the symbol.
type coin struct {
	Coin feed.Scalar `json:"coin"`
}

// granted reads an ack, which repeats the request.
func (s *session) granted(text []byte, out *feed.Events) error {
	var m struct {
		Data struct {
			Subscription coin `json:"subscription"`
		} `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	s.ack(m.Data.Subscription, out)
	return nil
}

func (s *session) ack(c coin, out *feed.Events) {
	symbol, ok := s.names.AskedOrDrop(c.Coin.Text(), out)
	if !ok {
		return
	}
	out.Ack(symbol)
}

// refused reads an error, whose text ends with the subscription, if it is of one.
func (s *session) refused(text []byte, out *feed.Events) error {
	var m struct {
		Data feed.Scalar `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	why := m.Data.Text()
	if begin := strings.IndexByte(why, '{'); begin >= 0 {
		var c coin
		if feed.Unmarshal([]byte(why[begin:]), &c) == nil {
			if strings.HasPrefix(why, "Already subscribed") {
				s.ack(c, out)
				return nil
			}
			if symbol, ok := s.names.Asked(c.Coin.Text()); ok {
				out.Reject(symbol, why)
				return nil
			}
		}
	}
	out.Drop(feed.Unknown, why)
	return nil
}

// trade leaves out who traded, whose addresses the exchange tells.
type trade struct {
	Coin  feed.Scalar `json:"coin"`
	Side  feed.Scalar `json:"side"` // of who took: B bid, A asked
	Price feed.Scalar `json:"px"`
	Size  feed.Scalar `json:"sz"`
	Time  feed.Scalar `json:"time"`
	ID    feed.Scalar `json:"tid"` // does not rise
}

func (s *session) trades(text []byte, out *feed.Events) error {
	var m struct {
		Data []trade `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	for i := range m.Data {
		t := &m.Data[i]
		symbol, ok := s.names.AskedOrDrop(t.Coin.Text(), out)
		if !ok {
			continue
		}
		out.Price(feed.Price{Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Millis(), ID: t.ID.Text(), Size: t.Size.Text(), Side: side(t.Side.Text())})
	}
	if len(m.Data) == 0 {
		out.Alive()
	}
	return nil
}

func side(text string) string {
	switch text {
	case "B":
		return feed.Buy
	case "A":
		return feed.Sell
	}
	return ""
}
