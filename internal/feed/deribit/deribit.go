// Package deribit reads the contracts of Deribit. What it relies on is in docs/feeds.md.
package deribit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is all of its contracts: they share one address.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "deribit", Title: "Deribit", Example: "BTC-PERPETUAL", URL: "wss://www.deribit.com/ws/api/v2",
		Spelling: "the name of a contract, such as BTC-PERPETUAL, BTC-26MAR27, BTC-26MAR27-60000-C or ETH_USDC-PERPETUAL",
		Hint:     "Case matters: the d in 1d02 is a decimal point.",
		Kinds:    []feed.Kind{feed.Trades},
		Limits:   feed.Limits{Messages: 3, Connects: 30, FrameQuiet: 25 * time.Second},
		Plan:     plan,
		Dialect:  func(feed.Kind) feed.Dialect { return dialect{} },
	}
}

const (
	heartbeat  = 10  // seconds, the shortest that it takes
	maxSymbols = 400 // of a connection
	perRequest = 100 // symbols
	// plain is the id of what asks for no symbols.
	plain = 1_000_000
)

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, "./ ") || !strings.ContainsAny(s, "-_") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC-PERPETUAL", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, feed.Same)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), symbols: symbols, names: names}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

// channel is that of a symbol's trades. Without a key they come at most ten times a second.
func channel(symbol string) string { return "trades." + symbol + ".100ms" }

type session struct {
	feed.Fixed
	symbols  []string
	names    feed.Names
	requests *feed.Requests
}

type request struct {
	Version string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  params `json:"params"`
}

type params struct {
	Interval int      `json:"interval,omitzero"`
	Channels []string `json:"channels,omitzero"`
}

func call(id int, method string, p params) feed.Frame {
	return feed.JSON(request{"2.0", id, method, p})
}

// Open asks for heartbeats first: a connection that only waits for trades may be dead.
func (s *session) Open() []feed.Frame {
	beat := call(plain, "public/set_heartbeat", params{Interval: heartbeat})
	return append([]feed.Frame{beat}, s.requests.Ask(s.symbols, perRequest)...)
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	var p params
	for _, symbol := range symbols {
		p.Channels = append(p.Channels, channel(symbol))
	}
	return call(id, "public/subscribe", p)
}

// Tick sends nothing: it is the exchange that asks whether we live.
func (s *session) Tick(time.Time) []feed.Frame { return nil }

// header is what messages have.
type header struct {
	Method feed.Scalar `json:"method"`
	ID     feed.Scalar `json:"id"`
	Error  *struct {
		Message feed.Scalar `json:"message"`
	} `json:"error"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m header
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch method := m.Method.Text(); {
	case method == "subscription":
		return s.trades(text, out)
	case method == "heartbeat":
		return s.heartbeat(text, out)
	case method != "": // that nobody asked for
	case m.Error != nil:
		s.requests.Failed(m.ID, m.Error.Message.Text(), out)
	case m.ID.Uint() == plain:
		out.Alive()
	case !m.ID.IsAbsent():
		return s.granted(m.ID, text, out)
	}
	return nil
}

// heartbeat reads what comes in the interval that was asked for. Who leaves a request for a test
// without an answer is left.
func (s *session) heartbeat(text []byte, out *feed.Events) error {
	var m struct {
		Params struct {
			Type feed.Scalar `json:"type"`
		} `json:"params"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	if m.Params.Type.Text() == "test_request" {
		out.Send(call(plain, "public/test", params{}))
		return nil
	}
	out.Alive()
	return nil
}

// granted reads the channels that were taken of those that were asked for. It says of no other why
// it is missing.
func (s *session) granted(id feed.Scalar, text []byte, out *feed.Events) error {
	var m struct {
		Result []feed.Scalar `json:"result"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	s.requests.Partly(id, "there is no such contract", out, func(symbol string) bool {
		return slices.ContainsFunc(m.Result, func(c feed.Scalar) bool { return c.Text() == channel(symbol) })
	})
	return nil
}

type trade struct {
	Symbol feed.Scalar `json:"instrument_name"`
	Time   feed.Scalar `json:"timestamp"`
	Price  feed.Scalar `json:"price"`
	Size   feed.Scalar `json:"amount"`
	Side   feed.Scalar `json:"direction"`
	Seq    feed.Scalar `json:"trade_seq"` // of the contract
	ID     feed.Scalar `json:"trade_id"`
}

func (s *session) trades(text []byte, out *feed.Events) error {
	var channel struct {
		Params struct {
			Channel feed.Scalar `json:"channel"`
		} `json:"params"`
	}
	if err := feed.Unmarshal(text, &channel); err != nil {
		return err
	}
	if !strings.HasPrefix(channel.Params.Channel.Text(), "trades.") {
		return nil
	}
	var m struct {
		Params struct {
			Data []trade `json:"data"`
		} `json:"params"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	for i := range m.Params.Data {
		t := &m.Params.Data[i]
		symbol, ok := s.names.AskedOrDrop(t.Symbol.Text(), out)
		if !ok {
			continue
		}
		out.Price(feed.Price{
			Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Millis(), Seq: t.Seq.Uint(), ByOne: true, ID: t.ID.Text(), Size: t.Size.Text(), Side: t.Side.Text(),
		})
	}
	return nil
}
