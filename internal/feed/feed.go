// Package feed is the contract between the exchanges and what they have in common. An exchange
// says how its connections are divided, opened, kept alive and read. It never dials, waits, sorts,
// remembers what was published or logs: package runner does that for all of them alike.
package feed

import (
	"context"
	"net/http"
	"time"
)

// Kind is what is asked of an exchange.
type Kind string

// The kinds.
const (
	Trades  Kind = "trades"  // each trade, one price each
	Tickers Kind = "tickers" // the last price as the exchange sums it up, with bid and ask where it has them
)

// Exchange is one exchange, or one market of an exchange with an address of its own.
type Exchange struct {
	Name     string // as on the command line
	Title    string // for people
	Spelling string // how its symbols are written, for people: "base and quote in capitals, joined"
	Example  string // a symbol
	Hint     string // what its users should know, one sentence; may be empty
	Kinds    []Kind

	// URL is its address. What replaces it keeps its path, see [Address].
	URL    string
	Limits Limits

	// Plan divides symbols among as many connections as the exchange asks for. Its error is what the
	// user can mend, such as the spelling of a symbol.
	Plan func(Request) ([]Part, error)

	// Wait says how long to leave an exchange alone that answered a handshake with this status and
	// body, where its answer means something else than with others. It may be nil. 0 is as usual.
	Wait func(status int, body string) time.Duration

	// Dialect is how the exchange itself speaks, for the fake one of tests.
	Dialect func(Kind) Dialect
}

// Limits are what an exchange demands of its clients. A zero is no limit.
type Limits struct {
	Messages   float64       // a second, that a client may send on one connection
	Pongs      bool          // pongs count among them
	Connects   int           // new connections a minute
	Lifetime   time.Duration // after which it ends a connection. They are replaced before, at different times
	FrameQuiet time.Duration // after which a connection that brought no frame at all, pings included, is dead
}

// Request is what is asked of an exchange.
type Request struct {
	URL     string // of the exchange, without a query
	Kind    Kind
	Symbols []string // in the exchange's spelling, each once
}

// Part is what one connection carries.
type Part struct {
	Symbols []string
	// New starts a session for a new connection. Two may overlap, so sessions share nothing that
	// changes.
	New func() Session
}

// Session is what is known of one connection. One goroutine calls its methods, and none of them
// but Dial waits for anything.
type Session interface {
	// Dial returns what to connect to. It may ask the exchange with client.
	Dial(ctx context.Context, client *http.Client) (Target, error)
	// Open returns what to send first. A session that has to wait for a greeting returns nothing,
	// and sends when Decode sees it.
	Open() []Frame
	// Decode adds to out what a frame says. It keeps no part of data. An error says that the frame
	// could not be read: it is counted, and the connection goes on.
	Decode(op Opcode, data []byte, out *Events) error
	// Tick is called about once a second and returns what to send, such as a ping.
	Tick(now time.Time) []Frame
}

// Target is where a connection goes.
type Target struct {
	URL    string
	Header http.Header // may be nil
}

// Opcode is the kind of a frame.
type Opcode byte

// The opcodes.
const (
	Text   Opcode = 1
	Binary Opcode = 2
)

// Frame is one message of WebSocket.
type Frame struct {
	Op   Opcode
	Data []byte
}

// TextFrame is a text as a frame.
func TextFrame(text string) Frame { return Frame{Text, []byte(text)} }

// MaxFrame bounds a message of an exchange, and what it unpacks to, in bytes.
const MaxFrame = 1 << 20
