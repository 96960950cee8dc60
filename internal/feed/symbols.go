package feed

import (
	"fmt"
	"net/url"
	"strings"
)

// Names finds the symbol that was asked for by the one that the exchange sends. It does not change.
type Names struct {
	asked map[string]string
}

// NewNames returns the names of symbols. sent is how the exchange writes one, such as
// strings.ToUpper. Two that it writes alike are an error.
func NewNames(symbols []string, sent func(string) string) (Names, error) {
	n := Names{asked: make(map[string]string, len(symbols))}
	for _, s := range symbols {
		key := sent(s)
		if other, twice := n.asked[key]; twice {
			return n, fmt.Errorf("%s and %s are one symbol: leave one out", other, s)
		}
		n.asked[key] = s
	}
	return n, nil
}

// Asked returns the symbol that was asked for.
func (n Names) Asked(sent string) (symbol string, ok bool) {
	symbol, ok = n.asked[sent]
	return symbol, ok
}

// AskedOrDrop is Asked. A symbol that nobody asked for is counted in out.
func (n Names) AskedOrDrop(sent string, out *Events) (symbol string, ok bool) {
	symbol, ok = n.Asked(sent)
	if !ok {
		out.Drop(Stranger, Quote(sent))
	}
	return symbol, ok
}

// Same returns a name unchanged, for exchanges that send symbols as they were asked for.
func Same(symbol string) string { return symbol }

// Split divides symbols into parts of at most size.
func Split(symbols []string, size int, session func(symbols []string) Session) []Part {
	var parts []Part
	for len(symbols) > 0 {
		some := symbols[:min(size, len(symbols))]
		symbols = symbols[len(some):]
		parts = append(parts, Part{Symbols: some, New: func() Session { return session(some) }})
	}
	return parts
}

// Batches calls each for batches of at most size symbols.
func Batches(symbols []string, size int, each func(batch []string)) {
	for len(symbols) > 0 {
		n := min(size, len(symbols))
		each(symbols[:n])
		symbols = symbols[n:]
	}
}

// Address is the address to use for an exchange's own: other if it is given. The exchange's path
// is added to an address that has none.
func Address(own, other string) (string, error) {
	if other == "" {
		return own, nil
	}
	u, err := url.Parse(other)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss":
		plain, _, _ := strings.Cut(other, "?") // what follows may be a key
		return "", fmt.Errorf("must be ws://host:port or wss://host:port, with or without a path, not %q", plain)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("must have no user, query or fragment")
	}
	if strings.Trim(u.Path, "/") == "" {
		base, err := url.Parse(own)
		if err != nil {
			return "", err
		}
		u.Path = base.Path
	}
	return u.String(), nil
}
