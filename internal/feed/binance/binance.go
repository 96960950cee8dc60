// Package binance reads Binance: the spot market, and the USD-M futures, which speak alike at
// another address. What it relies on is in docs/feeds.md.
package binance

import (
	"fmt"
	"strings"
	"time"

	"backbone/internal/feed"
)

// Spot is the spot market.
func Spot() feed.Exchange {
	return market(feed.Exchange{
		Name: "binance", Title: "Binance, spot", Example: "BTCUSDT", URL: "wss://stream.binance.com:9443/ws",
		Limits: feed.Limits{Messages: 5, Pongs: true, Connects: 60, Lifetime: 24 * time.Hour, FrameQuiet: time.Minute},
	}, options{trades: "trade"})
}

// USDM is the USD-M futures.
func USDM() feed.Exchange {
	return market(feed.Exchange{
		Name: "binance-usdm", Title: "Binance, USD-M futures", Example: "BTCUSDT", URL: "wss://fstream.binance.com/market/ws",
		Limits: feed.Limits{Messages: 10, Pongs: true, Connects: 60, Lifetime: 24 * time.Hour, FrameQuiet: 150 * time.Second},
	}, options{trades: "aggTrade", lists: time.Minute})
}

// options are what the markets differ in.
type options struct {
	trades string        // the stream of trades
	lists  time.Duration // how often to ask for a sign of life; 0: the exchange's own pings suffice
}

const tickerEvent = "24hrTicker"

const (
	maxStreams = 1024 // of a connection
	perRequest = 100  // streams
)

func market(e feed.Exchange, o options) feed.Exchange {
	e.Spelling = "base and quote in capitals, joined"
	e.Hint = "It acknowledges symbols that do not exist, and sends nothing for them."
	e.Kinds = []feed.Kind{feed.Trades, feed.Tickers}
	e.Plan = func(r feed.Request) ([]feed.Part, error) { return plan(r, o) }
	e.Dialect = func(k feed.Kind) feed.Dialect { return dialect{k, o} }
	return e
}

func plan(r feed.Request, o options) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, "@/ !") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTCUSDT", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxStreams, func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: o.lists, Frame: list}, stream: stream(r.Kind, o), event: o.trades, symbols: symbols, names: names}
		if r.Kind == feed.Tickers {
			s.event = tickerEvent
		}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

func stream(k feed.Kind, o options) string {
	if k == feed.Tickers {
		return "ticker"
	}
	return o.trades
}

type session struct {
	feed.Fixed
	feed.Pings
	stream   string
	event    string // what messages of the stream are called
	symbols  []string
	names    feed.Names
	requests *feed.Requests
}

func (s *session) Open() []feed.Frame { return s.requests.Ask(s.symbols, perRequest) }

// request is what a client sends.
type request struct {
	Method string   `json:"method"`
	Params []string `json:"params,omitzero"`
	ID     int      `json:"id"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	r := request{Method: "SUBSCRIBE", ID: id}
	for _, symbol := range symbols {
		r.Params = append(r.Params, strings.ToLower(symbol)+"@"+s.stream)
	}
	return feed.JSON(r)
}

// list asks for a sign of life.
func list() feed.Frame { return feed.JSON(request{Method: "LIST_SUBSCRIPTIONS"}) }

// message is whatever comes: data as it is or within "data", an answer, or an error.
type message struct {
	data
	Data *data `json:"data"`

	ID     feed.Scalar  `json:"id"`
	Result any          `json:"result"`
	Code   feed.Scalar  `json:"code"`
	Msg    feed.Scalar  `json:"msg"`
	Error  *errorObject `json:"error"`
}

type errorObject struct {
	Msg feed.Scalar `json:"msg"`
}

// data is a trade, several trades of one taker at one price, or a ticker.
type data struct {
	Event     feed.Scalar `json:"e"`
	EventTime feed.Scalar `json:"E"`
	Symbol    feed.Scalar `json:"s"`
	Trade     feed.Scalar `json:"t"`
	Aggregate feed.Scalar `json:"a"` // of a ticker: the ask
	Price     feed.Scalar `json:"p"` // of a ticker: the change
	Quantity  feed.Scalar `json:"q"`
	Time      feed.Scalar `json:"T"`
	BuyerMade feed.Scalar `json:"m"`
	Last      feed.Scalar `json:"c"`
	Bid       feed.Scalar `json:"b"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	d := &m.data
	if m.Data != nil {
		d = m.Data
	}
	switch event := d.Event.Text(); {
	case event == s.event:
		s.price(d, out)
	case event == "serverShutdown":
		out.Reconnect("the exchange announces that it will end the connection")
	case event != "": // of a kind that nobody asked for
	case m.Error != nil:
		s.requests.Failed(m.ID, m.Error.Msg.Text(), out)
	case m.Code.Text() != "":
		s.requests.Failed(m.ID, m.Msg.Text(), out)
	case m.ID.Text() != "":
		s.requests.Granted(m.ID, out)
	}
	return nil
}

func (s *session) price(d *data, out *feed.Events) {
	symbol, ok := s.names.AskedOrDrop(d.Symbol.Text(), out)
	if !ok {
		return
	}
	if s.event == tickerEvent {
		out.Price(feed.Price{Symbol: symbol, Text: d.Last.Text(), TS: d.EventTime.Millis(), Bid: d.Bid.Text(), Ask: d.Aggregate.Text()})
		return
	}
	id := d.Trade
	if s.event == "aggTrade" {
		id = d.Aggregate
	}
	p := feed.Price{
		Symbol: symbol, Text: d.Price.Text(), TS: d.Time.Millis(), Seq: id.Uint(), ByOne: true, ID: id.Text(), Size: d.Quantity.Text(),
	}
	switch {
	case d.BuyerMade.IsTrue():
		p.Side = feed.Sell
	case d.BuyerMade.IsFalse():
		p.Side = feed.Buy
	}
	out.Price(p)
}
