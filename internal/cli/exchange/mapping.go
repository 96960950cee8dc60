package exchange

import (
	"encoding/json"
	"strings"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/feed"
	"backbone/protocol"
)

// Mapping says as which instrument each symbol is published. It does not change.
type Mapping struct {
	Symbols     []string          // in the order of the command line
	instruments map[string]string // by symbol
}

// NewMapping reads arguments of the form SYMBOL or SYMBOL=INSTRUMENT. The last = parts them, so that
// a symbol that has one itself ends with another: A=B= is the symbol A=B.
func NewMapping(args []string, prefix string) (Mapping, error) {
	m := Mapping{instruments: map[string]string{}}
	of := map[string]string{} // symbols by instrument
	for _, arg := range args {
		symbol, instrument := arg, prefix+arg
		if i := strings.LastIndexByte(arg, '='); i >= 0 {
			symbol, instrument = arg[:i], arg[i+1:]
			if instrument == "" {
				instrument = prefix + symbol
			}
		}
		if symbol == "" {
			return m, config.Errorf("", "%q names no symbol: write SYMBOL or SYMBOL=INSTRUMENT", arg)
		}
		if fault := protocol.RoomFault(instrument); fault != "" {
			return m, config.Errorf("", "the instrument %q cannot be published, its name %s: give the symbol another with %s=NAME", instrument, fault, cli.Name(symbol))
		}
		if _, twice := m.instruments[symbol]; twice {
			return m, config.Errorf("", "%s is named twice: leave one out", cli.Name(symbol))
		}
		if other, taken := of[instrument]; taken {
			return m, config.Errorf("", "%s and %s cannot both be the instrument %s: give one of them another with SYMBOL=NAME", cli.Name(other), cli.Name(symbol), cli.Name(instrument))
		}
		of[instrument], m.instruments[symbol] = symbol, instrument
		m.Symbols = append(m.Symbols, symbol)
	}
	return m, nil
}

// Instruments are those of the symbols, in their order.
func (m Mapping) Instruments() (names []string) {
	for _, s := range m.Symbols {
		names = append(names, m.instruments[s])
	}
	return names
}

// Updates are prices as the server takes them.
func (m Mapping) Updates(prices []feed.Price) []client.PriceUpdate {
	list := make([]client.PriceUpdate, len(prices))
	for i := range prices {
		p := &prices[i]
		list[i] = client.PriceUpdate{Instrument: m.instruments[p.Symbol], Price: client.Price(p.Text), TS: p.TS, Data: data(p)}
	}
	return list
}

// Lines are prices as the server sends them to consumers.
func (m Mapping) Lines(prices []feed.Price) (text []byte) {
	for i := range prices {
		p := &prices[i]
		line := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: m.instruments[p.Symbol], Price: json.Number(p.Text), TS: &p.TS, Data: data(p)}
		text = append(line.Append(text), '\n')
	}
	return text
}

// data is what else is known of a price, nil if nothing is. Numbers keep their digits.
func data(p *feed.Price) json.RawMessage {
	var b []byte
	add := func(name string, value []byte) {
		if b == nil {
			b = append(make([]byte, 0, 96), '{')
		} else {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), name...), '"', ':'), value...)
	}
	for _, number := range []struct{ name, text string }{{"size", p.Size}, {"bid", p.Bid}, {"ask", p.Ask}} {
		if len(number.text) <= protocol.MaxPriceLength && protocol.ValidNumber(number.text) {
			add(number.name, []byte(number.text))
		}
	}
	if p.Side == feed.Buy || p.Side == feed.Sell {
		add("side", []byte(`"`+p.Side+`"`))
	}
	if p.ID != "" && len(p.ID) <= maxID {
		add("id", protocol.Text(p.ID))
	}
	if b == nil {
		return nil
	}
	return append(b, '}')
}

// maxID bounds the id of a trade, in bytes. Longer ones are nothing that an exchange gives.
const maxID = 128
