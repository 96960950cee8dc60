package bitfinex

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how Bitfinex speaks.
type dialect struct{}

// Symbols are answered as they were asked for.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"tBTCUSD", "tDOGE:USD", "tBTCF0:USTF0"}, "tNOSUCH"
}

// number is the channel of a symbol.
func (d dialect) number(symbol string) int {
	good, bad := d.Symbols()
	return 18780 + slices.Index(append(good[:], bad), symbol)
}

// AckFirst is because data has only the number that the ack gives.
func (d dialect) AckFirst() {}

func (d dialect) Greeting() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"event":"info","version":2,"serverId":"c0ffee01-0000-4000-8000-000000000001","platform":{"status":1}}`)}
}

// Heartbeat is of one channel.
func (d dialect) Heartbeat() []feed.Frame {
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`[%d,"hb"]`, d.number("tBTCUSD")))}
}

func (d dialect) Notice() []feed.Frame {
	return []feed.Frame{feed.TextFrame(`{"event":"info","code":20051,"msg":"The server will be stopped, please reconnect"}`)}
}

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if feed.Unmarshal(f.Data, &r) != nil || r.Event != "subscribe" || r.Channel != "trades" {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return r.Symbol == s })
	return h
}

func (d dialect) Ack(_ feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"event":"subscribed","channel":"trades","chanId":%d,"symbol":%q,"pair":%q}`, d.number(s), s, s[1:])))
	}
	return frames
}

func (d dialect) Reject(f feed.Frame, good, bad []string) ([]feed.Frame, []string) {
	frames := d.Ack(f, good)
	for _, s := range bad {
		frames = append(frames, feed.TextFrame(fmt.Sprintf(`{"channel":"trades","symbol":%q,"event":"error","msg":"symbol: invalid","code":10300,"pair":%q}`, s, s[1:])))
	}
	return frames, good
}

// Snapshot has the newest first.
func (d dialect) Snapshot(symbol string, prices []feed.Price) []feed.Frame {
	var elements []string
	for _, p := range slices.Backward(prices) {
		elements = append(elements, d.element(p, p.Text))
	}
	return []feed.Frame{feed.TextFrame(fmt.Sprintf(`[%d,[%s]]`, d.number(symbol), strings.Join(elements, ",")))}
}

// Prices are one each, and each is sent twice.
func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	for _, p := range prices {
		frames = append(frames, d.Raw(symbol, p, p.Text), feed.TextFrame(fmt.Sprintf(`[%d,"tu",%s]`, d.number(symbol), d.element(p, p.Text))))
	}
	return frames
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	return feed.TextFrame(fmt.Sprintf(`[%d,"te",%s]`, d.number(symbol), d.element(p, token)))
}

func (d dialect) element(p feed.Price, token string) string {
	amount := p.Size
	if p.Side == feed.Sell {
		amount = "-" + amount
	}
	return fmt.Sprintf(`[%s,%d,%s,%s]`, p.ID, p.TS, amount, token)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	id := 569_000_000 + 3*n
	p := feed.Price{Symbol: symbol, Text: text, TS: ms, Seq: uint64(id), ID: strconv.Itoa(id), Size: "0.00991467", Side: feed.Buy}
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
