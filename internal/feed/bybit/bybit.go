// Package bybit reads Bybit v5: the spot market and the linear contracts. What it relies on is in
// docs/feeds.md.
package bybit

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// Spot is the spot market.
func Spot() feed.Exchange {
	return market(feed.Exchange{Name: "bybit", Title: "Bybit, spot", Example: "BTCUSDT", URL: "wss://stream.bybit.com/v5/public/spot"}, 10, false)
}

// Linear is the linear contracts: those in USDT and USDC.
func Linear() feed.Exchange {
	return market(feed.Exchange{Name: "bybit-linear", Title: "Bybit, linear contracts", Example: "BTCUSDT", URL: "wss://stream.bybit.com/v5/public/linear"}, 100, true)
}

const (
	pingEvery = 20 * time.Second
	maxText   = 21_000           // characters of the topics of a connection
	banned    = 10 * time.Minute // who connects too often
)

// market has perRequest topics in one request.
func market(e feed.Exchange, perRequest int, linear bool) feed.Exchange {
	e.Spelling = "base and quote in capitals, joined"
	e.Kinds = []feed.Kind{feed.Trades, feed.Tickers}
	e.Limits = feed.Limits{Messages: 10, Connects: 60, FrameQuiet: 50 * time.Second}
	e.Plan = func(r feed.Request) ([]feed.Part, error) { return plan(r, perRequest) }
	e.Dialect = func(k feed.Kind) feed.Dialect { return dialect{k, linear} }
	e.Wait = func(status int, body string) time.Duration {
		if status == http.StatusForbidden && strings.Contains(body, "too frequent") {
			return banned
		}
		return 0
	}
	return e
}

func plan(r feed.Request, perRequest int) ([]feed.Part, error) {
	longest := 0
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, ". ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTCUSDT", s)
		}
		longest = max(longest, len(s))
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	topic := topics(r.Kind)
	return feed.Split(r.Symbols, maxText/(len(topic)+longest+3), func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, topic: topic, perRequest: perRequest, symbols: symbols, names: names, tickers: map[string]*ticker{}}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

// topics is what the topics of a kind begin with.
func topics(k feed.Kind) string {
	if k == feed.Tickers {
		return "tickers."
	}
	return "publicTrade."
}

type session struct {
	feed.Fixed
	feed.Pings
	topic      string
	perRequest int
	symbols    []string
	names      feed.Names
	requests   *feed.Requests
	tickers    map[string]*ticker // by symbol, what deltas change
}

func (s *session) Open() []feed.Frame { return s.requests.Ask(s.symbols, s.perRequest) }

type request struct {
	ID   string   `json:"req_id"`
	Op   string   `json:"op"`
	Args []string `json:"args,omitzero"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	r := request{ID: strconv.Itoa(id), Op: "subscribe"}
	for _, symbol := range symbols {
		r.Args = append(r.Args, s.topic+strings.ToUpper(symbol))
	}
	return feed.JSON(r)
}

func ping() feed.Frame { return feed.TextFrame(`{"op":"ping"}`) }

// header is what all messages have.
type header struct {
	Op      feed.Scalar `json:"op"`
	Success feed.Scalar `json:"success"`
	Message feed.Scalar `json:"ret_msg"`
	ID      feed.Scalar `json:"req_id"`
	Topic   feed.Scalar `json:"topic"`
	TS      feed.Scalar `json:"ts"`
}

type trade struct {
	Time   feed.Scalar `json:"T"`
	Symbol feed.Scalar `json:"s"`
	Side   feed.Scalar `json:"S"`
	Size   feed.Scalar `json:"v"`
	Price  feed.Scalar `json:"p"`
	ID     feed.Scalar `json:"i"`
}

type ticker struct {
	Symbol feed.Scalar `json:"symbol"`
	Last   feed.Scalar `json:"lastPrice"`
	Bid    feed.Scalar `json:"bid1Price"`
	Ask    feed.Scalar `json:"ask1Price"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m header
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch topic := m.Topic.Text(); {
	case strings.HasPrefix(topic, s.topic) && s.topic == topics(feed.Tickers):
		return s.ticker(text, m.TS, out)
	case strings.HasPrefix(topic, s.topic):
		return s.trades(text, out)
	case topic != "":
	case m.Op.Text() == "pong" || m.Op.Text() == "ping":
		out.Alive()
	case m.Success.IsTrue():
		s.requests.Granted(m.ID, out)
	case m.Success.IsFalse():
		s.requests.Failed(m.ID, m.Message.Text(), out)
	}
	return nil
}

// trades reads live trades, whatever the type of the message says: it is always "snapshot".
func (s *session) trades(text []byte, out *feed.Events) error {
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
		out.Price(feed.Price{
			Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Millis(), ID: t.ID.Text(), Size: t.Size.Text(), Side: strings.ToLower(t.Side.Text()),
		})
	}
	return nil
}

// ticker reads a ticker, or what has changed in one. Most changes have no last price.
func (s *session) ticker(text []byte, ts feed.Scalar, out *feed.Events) error {
	var m struct {
		Data ticker `json:"data"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	symbol, ok := s.names.AskedOrDrop(m.Data.Symbol.Text(), out)
	if !ok {
		return nil
	}
	whole := s.tickers[symbol]
	if whole == nil {
		whole = &ticker{}
		s.tickers[symbol] = whole
	}
	if m.Data.Bid.Text() != "" {
		whole.Bid = m.Data.Bid
	}
	if m.Data.Ask.Text() != "" {
		whole.Ask = m.Data.Ask
	}
	out.Alive()
	if m.Data.Last.IsAbsent() {
		return nil
	}
	out.Price(feed.Price{Symbol: symbol, Text: m.Data.Last.Text(), TS: ts.Millis(), Bid: whole.Bid.Text(), Ask: whole.Ask.Text()})
	return nil
}
