// Package bitfinex reads the trades of Bitfinex. What it relies on is in docs/feeds.md.
package bitfinex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is all trading pairs of Bitfinex. Its tickers have neither a time nor a number, so that one
// that comes again could not be told from a new one: they are not read.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "bitfinex", Title: "Bitfinex", Example: "tBTCUSD", URL: "wss://api-pub.bitfinex.com/ws/2",
		Spelling: "t and the pair in capitals, with a colon in between where a part is longer than three: tBTCUSD, tDOGE:USD, tBTCF0:USTF0",
		Kinds:    []feed.Kind{feed.Trades},
		Limits:   feed.Limits{Messages: 20, Connects: 15, FrameQuiet: 40 * time.Second},
		Plan:     plan,
		Dialect:  func(feed.Kind) feed.Dialect { return dialect{} },
	}
}

const maxSymbols = 25 // of a connection, each of which is a channel

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if pair, ok := strings.CutPrefix(s, "t"); !ok || len(pair) < 6 || strings.ContainsAny(pair, "/-_ ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in tBTCUSD or tDOGE:USD", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, feed.Same)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), symbols: symbols, names: names, channels: map[uint64]string{}}
	}), nil
}

type session struct {
	feed.Fixed
	symbols  []string
	names    feed.Names
	channels map[uint64]string // symbols by the number that the exchange gave them on this connection
}

type request struct {
	Event   string `json:"event"`
	Channel string `json:"channel"`
	Symbol  string `json:"symbol"`
}

func (s *session) Open() (frames []feed.Frame) {
	for _, symbol := range s.symbols {
		frames = append(frames, feed.JSON(request{"subscribe", "trades", symbol}))
	}
	return frames
}

func (s *session) Tick(time.Time) []feed.Frame { return nil }

// Decode reads objects, which are events, and arrays, which are data.
func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return s.data(text, out)
	}
	var m event
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	s.event(&m, out)
	return nil
}

type event struct {
	Event   feed.Scalar `json:"event"`
	Code    feed.Scalar `json:"code"`
	Msg     feed.Scalar `json:"msg"`
	Channel feed.Scalar `json:"chanId"`
	Symbol  feed.Scalar `json:"symbol"`
}

// Codes of events.
const (
	restarts   = "20051" // the server will be restarted
	maintained = "20061" // a maintenance has ended, after which one has to subscribe anew
	already    = "10301" // the symbol was subscribed before
)

func (s *session) event(m *event, out *feed.Events) {
	symbol, asked := s.names.Asked(m.Symbol.Text())
	code, why := m.Code.Text(), m.Msg.Text()
	switch event := m.Event.Text(); {
	case event == "info" && (code == restarts || code == maintained):
		out.Reconnect(why)
	case event == "info" || event == "error" && code == already:
		out.Alive()
	case event == "subscribed" && !asked:
		out.Drop(feed.Stranger, feed.Quote(m.Symbol.Text()))
	case event == "subscribed":
		maps.DeleteFunc(s.channels, func(_ uint64, other string) bool { return other == symbol })
		s.channels[m.Channel.Uint()] = symbol
		out.Ack(symbol)
	case event == "error" && asked:
		out.Reject(symbol, why)
	case event == "error":
		out.Drop(feed.Unknown, why)
	}
}

// data reads [channel, "te", trade], [channel, "hb"], or a snapshot: [channel, [trade, ...]].
// Further elements may follow, and more in a trade.
func (s *session) data(text []byte, out *feed.Events) error {
	var m []json.RawMessage
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	if len(m) < 2 {
		return errors.New("an array of data must have 2 elements or more")
	}
	var channel, kind feed.Scalar
	if err := errors.Join(feed.Unmarshal(m[0], &channel), feed.Unmarshal(m[1], &kind)); err != nil {
		return err
	}
	symbol, ok := s.channels[channel.Uint()]
	switch {
	case !ok:
		out.Drop(feed.Stranger, "channel "+feed.Quote(channel.Text()))
	case kind.Text() == "hb" || kind.Text() == "tu": // tu repeats te, later
		out.Alive()
	case kind.Text() == "te" && len(m) > 2:
		var t trade
		if err := feed.Unmarshal(m[2], &t); err != nil {
			return err
		}
		t.add(symbol, out.Price)
	case kind.Text() == "":
		var list []trade
		if err := feed.Unmarshal(m[1], &list); err != nil {
			return err
		}
		out.Alive() // it may be empty
		for _, t := range list {
			t.add(symbol, out.Snapshot)
		}
	}
	return nil
}

// trade is number, time, amount and price.
type trade []feed.Scalar

// add adds a trade. The amount of what was sold is negative.
func (t trade) add(symbol string, add func(feed.Price)) {
	for len(t) < 4 {
		t = append(t, feed.Scalar{})
	}
	p := feed.Price{Symbol: symbol, Text: t[3].Text(), TS: t[1].Millis(), Seq: t[0].Uint(), ID: t[0].Text(), Side: feed.Buy}
	size, sold := strings.CutPrefix(t[2].Text(), "-")
	p.Size = size
	if sold {
		p.Side = feed.Sell
	}
	add(p)
}
