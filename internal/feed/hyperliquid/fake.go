package hyperliquid

import (
	"fmt"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Hyperliquid speaks.
type dialect struct{}

func (dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"BTC", "kPEPE", "@107"}, "NOSUCH"
}

func (dialect) Greeting() []feed.Frame  { return []feed.Frame{feed.TextFrame(greeting)} }
func (dialect) Heartbeat() []feed.Frame { return nil } // it only answers
func (dialect) Notice() []feed.Frame    { return nil }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	if r.Method == "ping" {
		return feed.Heard{Ping: true, Answer: []feed.Frame{feed.TextFrame(`{"channel":"pong"}`)}}
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return r.Method == "subscribe" && r.Subscription == subscription{"trades", s} })
	return h
}

// Ack repeats the request.
func (dialect) Ack(_ feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":%q}}}`, s)))
	}
	return frames
}

func (d dialect) Reject(f feed.Frame, good, bad []string) (frames []feed.Frame, granted []string) {
	frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"channel":"error","data":"Invalid subscription {\"type\":\"trades\",\"coin\":\"%s\"}"}`, bad[0])))
	return append(frames, d.Ack(f, good)...), good
}

// Snapshot has nothing that is told apart from what comes live.
func (dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

func (dialect) Prices(symbol string, prices []feed.Price) []feed.Frame {
	var elements []string
	for _, p := range prices {
		elements = append(elements, element(symbol, p, strconv.Quote(p.Text)))
	}
	return []feed.Frame{message(elements)}
}

func (dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return message([]string{element(symbol, p, token)})
}

func message(elements []string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`{"channel":"trades","data":[%s]}`, strings.Join(elements, ",")))
}

func element(symbol string, p feed.Price, token string) string {
	letter := "B"
	if p.Side == feed.Sell {
		letter = "A"
	}
	return fmt.Sprintf(`{"coin":%q,"side":%q,"px":%s,"sz":%q,"time":%d,"hash":"0x0","tid":%s,"users":["0x1","0x2"]}`, symbol, letter, token, p.Size, p.TS, p.ID)
}

// Price has a number that does not rise.
func (dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, ID: strconv.FormatInt(int64(n)*611_953_000_003%1_125_899_906_842_624, 10), Size: "0.125", Side: feed.Buy}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
