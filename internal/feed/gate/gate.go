// Package gate reads Gate: the spot market, and the perpetual contracts in USDT, which speak alike
// at another address. What it relies on is in docs/feeds.md.
package gate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backbone/internal/feed"
)

// Spot is the spot market.
func Spot() feed.Exchange {
	return market(feed.Exchange{Name: "gate", Title: "Gate, spot", Example: "BTC_USDT", URL: "wss://api.gateio.ws/ws/v4/"}, "spot")
}

// USDT is the perpetual contracts in USDT.
func USDT() feed.Exchange {
	return market(feed.Exchange{
		Name: "gate-usdt", Title: "Gate, perpetual contracts in USDT", Example: "BTC_USDT", URL: "wss://fx-ws.gateio.ws/v4/ws/usdt",
		Hint: "It acknowledges contracts that do not exist, and sends nothing for them.",
	}, "futures")
}

const (
	pingEvery  = 15 * time.Second
	maxSymbols = 500 // of a connection
	perRequest = 100 // symbols
)

// market is one of the two, by the name that its channels begin with.
func market(e feed.Exchange, name string) feed.Exchange {
	e.Spelling = "base_quote, in any case"
	e.Kinds = []feed.Kind{feed.Trades, feed.Tickers}
	e.Limits = feed.Limits{Messages: 10, Connects: 60, FrameQuiet: 40 * time.Second}
	e.Plan = func(r feed.Request) ([]feed.Part, error) { return plan(r, name) }
	e.Dialect = func(k feed.Kind) feed.Dialect { return dialect{name, k} }
	return e
}

func plan(r feed.Request, market string) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if base, quote, two := strings.Cut(s, "_"); !two || base == "" || quote == "" || strings.ContainsAny(s, " /-") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC_USDT", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToUpper)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), market: market, channel: market + "." + string(r.Kind), symbols: symbols, names: names}
		s.Pings = feed.Pings{Every: pingEvery, Frame: s.ping}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

type session struct {
	feed.Fixed
	feed.Pings
	market, channel string
	symbols         []string
	names           feed.Names
	requests        *feed.Requests
	now             int64 // Unix seconds, of the last Tick: requests of another minute are refused
}

func (s *session) Dial(ctx context.Context, client *http.Client) (feed.Target, error) {
	s.now = time.Now().Unix()
	return s.Fixed.Dial(ctx, client)
}

func (s *session) Open() []feed.Frame { return s.requests.Ask(s.symbols, perRequest) }

type request struct {
	Time    int64    `json:"time"`
	ID      int      `json:"id,omitzero"`
	Channel string   `json:"channel"`
	Event   string   `json:"event,omitzero"`
	Payload []string `json:"payload,omitzero"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	r := request{Time: s.now, ID: id, Channel: s.channel, Event: "subscribe"}
	for _, symbol := range symbols {
		r.Payload = append(r.Payload, strings.ToUpper(symbol))
	}
	return feed.JSON(r)
}

func (s *session) Tick(now time.Time) []feed.Frame {
	s.now = now.Unix()
	return s.Pings.Tick(now)
}

func (s *session) ping() feed.Frame {
	return feed.JSON(request{Time: s.now, Channel: s.market + ".ping"})
}

// message is what comes.
type message struct {
	Time    feed.Scalar   `json:"time"`
	Millis  feed.Scalar   `json:"time_ms"`
	ID      feed.Scalar   `json:"id"`
	Channel feed.Scalar   `json:"channel"`
	Event   feed.Scalar   `json:"event"`
	Payload []feed.Scalar `json:"payload"`
	Error   struct {
		Message feed.Scalar `json:"message"`
	} `json:"error"`
	Result results `json:"result"`
}

// results are one result or several.
type results []result

// UnmarshalJSON is called by the decoder.
func (r *results) UnmarshalJSON(text []byte) error {
	*r = nil
	switch text[0] {
	case '[':
		return feed.Unmarshal(text, (*[]result)(r))
	case '{':
		*r = make(results, 1)
		return feed.Unmarshal(text, &(*r)[0])
	}
	return nil
}

// result is a trade, a ticker, or the answer to a request.
type result struct {
	Status feed.Scalar `json:"status"`

	Pair     feed.Scalar `json:"currency_pair"`
	Contract feed.Scalar `json:"contract"`

	ID      feed.Scalar `json:"id"`
	Seconds feed.Scalar `json:"create_time"`
	Millis  feed.Scalar `json:"create_time_ms"`
	Price   feed.Scalar `json:"price"`
	Amount  feed.Scalar `json:"amount"`
	Side    feed.Scalar `json:"side"`
	Size    feed.Scalar `json:"size"` // of a contract; what was sold is negative

	Time feed.Scalar `json:"t"`
	Last feed.Scalar `json:"last"`
	Bid  feed.Scalar `json:"highest_bid"`
	Ask  feed.Scalar `json:"lowest_ask"`
}

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	channel, event := m.Channel.Text(), m.Event.Text()
	switch {
	case channel == s.market+".pong":
		out.Alive()
	case channel != s.channel:
	case event == "update":
		out.Alive() // there may be no results
		for i := range m.Result {
			s.price(&m, &m.Result[i], out)
		}
	case event == "subscribe" && m.Error.Message.Text() != "":
		s.requests.Failed(m.ID, m.Error.Message.Text(), out)
	case event == "subscribe" && len(m.Result) == 1 && m.Result[0].Status.Text() == "success":
		s.requests.Granted(m.ID, out)
	}
	return nil
}

func (s *session) price(m *message, r *result, out *feed.Events) {
	name := r.Pair
	if name.IsAbsent() {
		name = r.Contract
	}
	symbol, ok := s.names.AskedOrDrop(name.Text(), out)
	if !ok {
		return
	}
	if strings.HasSuffix(s.channel, ".tickers") {
		out.Price(feed.Price{Symbol: symbol, Text: r.Last.Text(), TS: first(r.Time.Millis(), m.Millis.Millis(), m.Time.Seconds()), Bid: r.Bid.Text(), Ask: r.Ask.Text()})
		return
	}
	p := feed.Price{
		Symbol: symbol, Text: r.Price.Text(), TS: first(r.Millis.Millis(), r.Seconds.Seconds()), Seq: r.ID.Uint(), ID: r.ID.Text(), Size: r.Amount.Text(), Side: r.Side.Text(),
	}
	if !r.Size.IsAbsent() {
		size, sold := strings.CutPrefix(r.Size.Text(), "-")
		p.Size, p.Side = size, feed.Buy
		if sold {
			p.Side = feed.Sell
		}
	}
	out.Price(p)
}

// first is the first time that is one.
func first(times ...int64) int64 {
	for _, t := range times {
		if t > 0 {
			return t
		}
	}
	return 0
}
