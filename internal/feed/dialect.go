package feed

// Dialect is how an exchange speaks, seen from its own side. The fake exchange of tests behaves
// well or badly in it. Its methods keep no state.
type Dialect interface {
	// Greeting is what a new connection gets first.
	Greeting() []Frame
	// Hear reads a frame of a client.
	Hear(f Frame) Heard
	// Ack grants what was asked for in f. An exchange without acks returns nothing.
	Ack(f Frame, symbols []string) []Frame
	// Reject refuses symbols that were asked for in f. granted is good, or nothing where one bad
	// symbol fails all that were asked for with it, or both where the exchange does not refuse.
	Reject(f Frame, good, bad []string) (frames []Frame, granted []string)
	// Prices are frames with prices of one symbol, which are given oldest first. Where an exchange
	// has newest first, or one in each frame, they are so.
	Prices(symbol string, prices []Price) []Frame
	// Snapshot is Prices as of a symbol that was just subscribed; nothing where there is none.
	Snapshot(symbol string, prices []Price) []Frame
	// Raw is Prices with one price, whose number is this token of JSON in place of what the exchange
	// writes.
	Raw(symbol string, p Price, token string) Frame
	// Heartbeat is what comes while nothing else does; nothing where that is only ping frames.
	Heartbeat() []Frame
	// Notice announces the end of the connection; nothing where the exchange does not.
	Notice() []Frame
	// Price is the n-th of a symbol, n from 1, as its adapter has to decode it.
	Price(symbol, text string, n int, ms int64) Price
	// Symbols are three that exist, and one that does not.
	Symbols() (good [3]string, bad string)
}

// Asked are the symbols of a dialect, the one that does not exist too, which a client asks for.
func Asked(d Dialect, asked func(symbol string) bool) (symbols []string) {
	good, bad := d.Symbols()
	for _, s := range append(good[:], bad) {
		if asked(s) {
			symbols = append(symbols, s)
		}
	}
	return symbols
}

// Heard is what a client asks for.
type Heard struct {
	Subscribe []string // symbols as they were asked for
	Answer    []Frame  // to be sent at once, such as a pong
	Ping      bool     // it is a sign of life, which the exchange may leave without an answer
}
