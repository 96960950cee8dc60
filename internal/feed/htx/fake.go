package htx

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backbone/internal/feed"
)

// dialect is how HTX speaks.
type dialect struct {
	kind feed.Kind
	// packers are used again, which at their level costs nothing: a new one clears more than half a
	// megabyte, for a message of a hundred bytes.
	packers chan *gzip.Writer
}

// Symbols have one that is answered in lower case.
func (d dialect) Symbols() (good [3]string, bad string) {
	return [3]string{"btcusdt", "ETHUSDT", "pepeusdt"}, "nosuchusdt"
}

// say packs a message: all that it sends is.
func (d dialect) say(format string, args ...any) feed.Frame {
	var w *gzip.Writer
	select {
	case w = <-d.packers:
	default:
		var err error
		if w, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			panic("htx: " + err.Error()) // of the level
		}
	}
	var b bytes.Buffer
	w.Reset(&b)
	_, _ = fmt.Fprintf(w, format, args...) // a buffer takes all
	_ = w.Close()
	select {
	case d.packers <- w:
	default:
	}
	return feed.Frame{Op: feed.Binary, Data: b.Bytes()}
}

func (d dialect) Greeting() []feed.Frame { return nil }
func (d dialect) Notice() []feed.Frame   { return nil }

// Heartbeat wants to be answered, in text.
func (d dialect) Heartbeat() []feed.Frame { return []feed.Frame{d.say(`{"ping":1790000000123}`)} }

func (d dialect) Hear(f feed.Frame) (h feed.Heard) {
	var r request
	if f.Op != feed.Text || feed.Unmarshal(f.Data, &r) != nil {
		return h
	}
	h.Subscribe = feed.Asked(d, func(s string) bool { return r.Sub == channel(d.kind, s) })
	return h
}

func (d dialect) Ack(f feed.Frame, symbols []string) (frames []feed.Frame) {
	for _, s := range symbols {
		frames = append(frames, d.say(`{"id":%s,"status":"ok","subbed":%q,"ts":1790000000100}`, id(f), channel(d.kind, s)))
	}
	return frames
}

func (d dialect) Reject(f feed.Frame, good, bad []string) (frames []feed.Frame, granted []string) {
	frames = append(frames, d.say(`{"status":"error","ts":1790000000100,"id":%s,"err-code":"bad-request","err-msg":"invalid symbol %s"}`, id(f), bad[0]))
	return append(frames, d.Ack(f, good)...), good
}

func id(f feed.Frame) string {
	var r request
	_ = feed.Unmarshal(f.Data, &r) // of a client that was understood
	return strconv.Quote(r.ID)
}

// Snapshot has nothing: only what is traded comes.
func (d dialect) Snapshot(string, []feed.Price) []feed.Frame { return nil }

// Prices have trades newest first, or one ticker each.
func (d dialect) Prices(symbol string, prices []feed.Price) (frames []feed.Frame) {
	if d.kind == feed.Tickers {
		for _, p := range prices {
			frames = append(frames, d.Raw(symbol, p, p.Text))
		}
		return frames
	}
	var elements []string
	for _, p := range slices.Backward(prices) {
		elements = append(elements, element(p, p.Text))
	}
	return []feed.Frame{d.message(symbol, prices[len(prices)-1].TS, elements)}
}

func (d dialect) Raw(symbol string, p feed.Price, token string) feed.Frame {
	if d.kind == feed.Tickers {
		return d.say(`{"ch":%q,"ts":%d,"tick":{"open":1.5,"high":3,"low":1,"close":%s,"amount":12.25,"vol":24.5,"count":9,"bid":%s,"bidSize":2.5,"ask":%s,"askSize":0.75,"lastPrice":%s,"lastSize":0.5}}`,
			channel(d.kind, symbol), p.TS, token, p.Bid, p.Ask, token)
	}
	return d.message(symbol, p.TS, []string{element(p, token)})
}

func (d dialect) message(symbol string, ts int64, elements []string) feed.Frame {
	return d.say(`{"ch":%q,"ts":%d,"tick":{"id":176000000001,"ts":%d,"data":[%s]}}`, channel(d.kind, symbol), ts+2, ts, strings.Join(elements, ","))
}

func element(p feed.Price, token string) string {
	return fmt.Sprintf(`{"id":17600000000112233445566%s,"ts":%d,"tradeId":%s,"amount":%s,"price":%s,"direction":%q}`, p.ID, p.TS, p.ID, p.Size, token, p.Side)
}

func (d dialect) Price(symbol, text string, n int, ms int64) feed.Price {
	p := feed.Price{Symbol: symbol, Text: text, TS: ms}
	if d.kind == feed.Tickers {
		p.Bid, p.Ask = "0.50", "0.75"
		return p
	}
	p.Seq = 103_000_000_000 + uint64(n)
	p.ID = strconv.FormatUint(p.Seq, 10)
	p.Size, p.Side = "1.25E-4", feed.Buy
	if n%2 == 0 {
		p.Side = feed.Sell
	}
	return p
}
