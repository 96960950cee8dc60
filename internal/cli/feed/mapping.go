package feed

import (
	"strings"

	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/protocol"
)

// mapping says as which instrument each symbol is published. It does not change.
type mapping struct {
	symbols     []string          // in the order of the command line
	instruments map[string]string // by symbol
}

// newMapping reads arguments of the form SYMBOL or SYMBOL=INSTRUMENT. The last = parts them, so that
// a symbol that has one itself ends with another: A=B= is the symbol A=B.
func newMapping(args []string, prefix string) (mapping, error) {
	m := mapping{instruments: map[string]string{}}
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
		m.symbols = append(m.symbols, symbol)
	}
	return m, nil
}
