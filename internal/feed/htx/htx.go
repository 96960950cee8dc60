// Package htx reads the spot market of HTX, which was Huobi. What it relies on is in docs/feeds.md.
package htx

import (
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is the spot market.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "htx", Title: "HTX (Huobi), spot", Example: "btcusdt", URL: "wss://api.huobi.pro/ws",
		Spelling: "base and quote in lower case, joined",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 10, Connects: 30, FrameQuiet: 12 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{k, make(chan *gzip.Writer, 4)} },
	}
}

const maxSymbols = 100 // of a connection

func plan(r feed.Request) ([]feed.Part, error) {
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, "./-_ ") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in btcusdt", s)
		}
	}
	names, err := feed.NewNames(r.Symbols, strings.ToLower)
	if err != nil {
		return nil, err
	}
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		s := &session{Fixed: feed.Fixed(r.URL), kind: r.Kind, symbols: symbols, names: names}
		s.requests = feed.NewRequests(s.subscribe)
		return s
	}), nil
}

// suffix is what the channels of a kind end with.
func suffix(k feed.Kind) string {
	if k == feed.Tickers {
		return ".ticker"
	}
	return ".trade.detail"
}

func channel(k feed.Kind, symbol string) string {
	return "market." + strings.ToLower(symbol) + suffix(k)
}

// asked is the symbol of a channel, if it was asked for.
func (s *session) asked(channel string) (symbol string, ok bool) {
	sent, ok := strings.CutSuffix(strings.TrimPrefix(channel, "market."), suffix(s.kind))
	if !ok {
		return "", false
	}
	return s.names.Asked(sent)
}

type session struct {
	feed.Fixed
	kind     feed.Kind
	symbols  []string
	names    feed.Names
	requests *feed.Requests
	packed   feed.Gunzip
}

// Open asks for one symbol in each message: more is not possible.
func (s *session) Open() []feed.Frame { return s.requests.Ask(s.symbols, 1) }

type request struct {
	Sub string `json:"sub"`
	ID  string `json:"id"`
}

func (s *session) subscribe(id int, symbols []string) feed.Frame {
	return feed.JSON(request{channel(s.kind, symbols[0]), strconv.Itoa(id)})
}

// Tick sends nothing: it is the exchange that pings.
func (s *session) Tick(time.Time) []feed.Frame { return nil }

// header is what messages have.
type header struct {
	Ping feed.Scalar `json:"ping"`

	ID     feed.Scalar `json:"id"`
	Status feed.Scalar `json:"status"`
	Subbed feed.Scalar `json:"subbed"`
	Error  feed.Scalar `json:"err-msg"`

	Channel feed.Scalar `json:"ch"`
	TS      feed.Scalar `json:"ts"`
}

func (s *session) Decode(op feed.Opcode, data []byte, out *feed.Events) error {
	if op == feed.Binary {
		var err error
		if data, err = s.packed.Bytes(data); err != nil {
			return err
		}
	}
	var m header
	if err := feed.Unmarshal(data, &m); err != nil {
		return err
	}
	switch ch := m.Channel.Text(); {
	case strings.HasSuffix(ch, suffix(s.kind)):
		return s.prices(data, ch, m.TS, out)
	case ch != "": // that nobody asked for
	case !m.Ping.IsAbsent():
		out.Send(feed.TextFrame(`{"pong":` + strconv.FormatUint(m.Ping.Uint(), 10) + `}`)) // as text, not packed
	case !m.Subbed.IsAbsent(): // its id may be null
		if symbol, ok := s.asked(m.Subbed.Text()); ok {
			out.Ack(symbol)
		} else {
			out.Drop(feed.Stranger, feed.Quote(m.Subbed.Text()))
		}
	case m.Status.Text() == "error":
		s.requests.Failed(m.ID, m.Error.Text(), out)
	}
	return nil
}

type trade struct {
	Time  feed.Scalar `json:"ts"`
	ID    feed.Scalar `json:"tradeId"` // the field id is another number, beyond 64 bits
	Price feed.Scalar `json:"price"`
	Size  feed.Scalar `json:"amount"`
	Side  feed.Scalar `json:"direction"`
}

func (s *session) prices(text []byte, channel string, ts feed.Scalar, out *feed.Events) error {
	var m struct {
		Tick struct {
			Data []trade     `json:"data"` // newest first
			Last feed.Scalar `json:"lastPrice"`
			Bid  feed.Scalar `json:"bid"`
			Ask  feed.Scalar `json:"ask"`
		} `json:"tick"`
	}
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	symbol, ok := s.asked(channel)
	if !ok {
		out.Drop(feed.Stranger, feed.Quote(channel))
		return nil
	}
	if s.kind == feed.Tickers {
		out.Price(feed.Price{Symbol: symbol, Text: m.Tick.Last.Text(), TS: ts.Millis(), Bid: m.Tick.Bid.Text(), Ask: m.Tick.Ask.Text()})
		return nil
	}
	n := out.Len()
	for i := range m.Tick.Data {
		t := &m.Tick.Data[i]
		out.Price(feed.Price{
			Symbol: symbol, Text: t.Price.Text(), TS: t.Time.Millis(), Seq: t.ID.Uint(), ID: t.ID.Text(), Size: t.Size.Text(), Side: t.Side.Text(),
		})
	}
	out.Newest(n)
	return nil
}
