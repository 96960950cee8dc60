// Package okx reads the public channels of OKX. What it relies on is in docs/feeds.md.
package okx

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backbone/internal/feed"
)

// New is all instruments of OKX: spot, swaps, futures and options.
func New() feed.Exchange {
	return feed.Exchange{
		Name: "okx", Title: "OKX", Example: "BTC-USDT", URL: "wss://ws.okx.com:8443/ws/v5/public",
		Spelling: "its instId, parts in capitals joined by hyphens: BTC-USDT, BTC-USDT-SWAP, BTC-USD-261225",
		Kinds:    []feed.Kind{feed.Trades, feed.Tickers},
		Limits:   feed.Limits{Messages: 5, Connects: 60, FrameQuiet: 40 * time.Second},
		Plan:     plan,
		Dialect:  func(k feed.Kind) feed.Dialect { return dialect{string(k)} },
	}
}

const (
	pingEvery  = 15 * time.Second // it closes what is silent for 30 s
	maxRequest = 4096             // bytes
	maxSymbols = 300              // of a connection
)

func plan(r feed.Request) ([]feed.Part, error) {
	longest := 0
	for _, s := range r.Symbols {
		if strings.ContainsAny(s, " /:,") || !strings.Contains(strings.Trim(s, "-"), "-") {
			return nil, fmt.Errorf("%s is no symbol: it is written as in BTC-USDT", s)
		}
		longest = max(longest, len(s))
	}
	names, err := feed.NewNames(r.Symbols, feed.Same)
	if err != nil {
		return nil, err
	}
	channel := string(r.Kind)
	empty := len(feed.JSON(request{"subscribe", []arg{}}).Data)
	perRequest := max(1, (maxRequest-empty)/(len(feed.JSON(arg{channel, ""}).Data)+longest+1))
	return feed.Split(r.Symbols, maxSymbols, func(symbols []string) feed.Session {
		return &session{Fixed: feed.Fixed(r.URL), Pings: feed.Pings{Every: pingEvery, Frame: ping}, channel: channel, perRequest: perRequest, symbols: symbols, names: names, settled: map[string]bool{}}
	}), nil
}

type session struct {
	feed.Fixed
	feed.Pings
	channel    string
	perRequest int
	symbols    []string
	names      feed.Names
	asked      [][]string      // what was asked for together
	settled    map[string]bool // symbols that were granted or refused
}

func (s *session) Open() []feed.Frame { return s.ask(s.symbols) }

type request struct {
	Op   string `json:"op"`
	Args []arg  `json:"args"`
}

type arg struct {
	Channel string `json:"channel"`
	ID      string `json:"instId"`
}

func (s *session) ask(symbols []string) (frames []feed.Frame) {
	feed.Batches(symbols, s.perRequest, func(batch []string) {
		s.asked = append(s.asked, batch)
		r := request{Op: "subscribe"}
		for _, symbol := range batch {
			r.Args = append(r.Args, arg{s.channel, symbol})
		}
		frames = append(frames, feed.JSON(r))
	})
	return frames
}

func ping() feed.Frame { return feed.TextFrame("ping") }

// message is what comes, but for "pong".
type message struct {
	Event feed.Scalar `json:"event"`
	Code  feed.Scalar `json:"code"`
	Msg   feed.Scalar `json:"msg"`
	Arg   struct {
		Channel feed.Scalar `json:"channel"`
		ID      feed.Scalar `json:"instId"`
	} `json:"arg"`
	Data []data `json:"data"`
}

// data is some trades of one taker at one price, or a ticker.
type data struct {
	ID    feed.Scalar `json:"instId"`
	Time  feed.Scalar `json:"ts"`
	Trade feed.Scalar `json:"tradeId"` // the last of those trades
	Price feed.Scalar `json:"px"`
	Size  feed.Scalar `json:"sz"`
	Side  feed.Scalar `json:"side"`
	Last  feed.Scalar `json:"last"`
	Bid   feed.Scalar `json:"bidPx"`
	Ask   feed.Scalar `json:"askPx"`
}

// upgrade is the code of the notice that the connection will end.
const upgrade = "64008"

func (s *session) Decode(_ feed.Opcode, text []byte, out *feed.Events) error {
	if string(text) == "pong" {
		out.Alive()
		return nil
	}
	var m message
	if err := feed.Unmarshal(text, &m); err != nil {
		return err
	}
	switch event := m.Event.Text(); {
	case event == "" && m.Arg.Channel.Text() == s.channel:
		out.Alive() // data may be empty
		for i := range m.Data {
			s.price(&m.Data[i], out)
		}
	case event == "subscribe":
		if symbol, ok := s.names.AskedOrDrop(m.Arg.ID.Text(), out); ok {
			s.settled[symbol] = true
			out.Ack(symbol)
		}
	case event == "error":
		s.refused(m.Msg.Text(), out)
	case event == "notice" && m.Code.Text() == upgrade:
		out.Reconnect(m.Msg.Text())
	case event == "notice" || strings.HasPrefix(event, "channel-conn-count"): // come unasked
		out.Alive()
	}
	return nil
}

// refused reads an error. Where it names a symbol, what was asked for with that is asked for
// again without it, unless it was granted.
func (s *session) refused(why string, out *feed.Events) {
	out.Alive()
	for word := range strings.FieldsFuncSeq(why, func(r rune) bool { return strings.ContainsRune(" ,:\"'", r) }) {
		symbol, ok := s.names.Asked(word)
		if !ok {
			continue
		}
		out.Reject(symbol, why)
		s.settled[symbol] = true
		i := slices.IndexFunc(s.asked, func(batch []string) bool { return slices.Contains(batch, symbol) })
		if i < 0 {
			return
		}
		rest := slices.DeleteFunc(slices.Clone(s.asked[i]), func(other string) bool { return s.settled[other] })
		s.asked = slices.Delete(s.asked, i, i+1)
		out.Send(s.ask(rest)...)
		return
	}
	out.Drop(feed.Unknown, why)
}

func (s *session) price(d *data, out *feed.Events) {
	symbol, ok := s.names.AskedOrDrop(d.ID.Text(), out)
	if !ok {
		return
	}
	p := feed.Price{Symbol: symbol, TS: d.Time.Millis()}
	if s.channel == "tickers" {
		p.Text, p.Bid, p.Ask = d.Last.Text(), d.Bid.Text(), d.Ask.Text()
	} else {
		p.Text, p.Size, p.Side, p.Seq, p.ID = d.Price.Text(), d.Size.Text(), d.Side.Text(), d.Trade.Uint(), d.Trade.Text()
	}
	out.Price(p)
}
