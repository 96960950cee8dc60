package load

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialContext makes a connection, as client.Options.DialContext does.
type dialContext func(ctx context.Context, network, address string) (net.Conn, error)

// paced makes dial's connections readable at no more than rate until hurry is closed. nil is
// TCP. The pace is that of bytes, below WebSocket, so a ping is answered only once all bytes
// before it were read.
func paced(dial dialContext, rate ByteRate, hurry <-chan struct{}) dialContext {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &pacedConn{Conn: conn, rate: rate, piece: pieceOf(rate), hurry: hurry, closed: make(chan struct{})}, nil
	}
}

const (
	smallestPiece, largestPiece = 64, 16 << 10
	pieces                      = 50 // a second, between these bounds
	// paceCredit is how much of the past a reader may make up for, so that a timer that fires
	// late does not lower its speed.
	paceCredit = 100 * time.Millisecond
)

// pieceOf is the number of bytes that one Read takes at most.
func pieceOf(rate ByteRate) int { return int(min(max(rate/pieces, smallestPiece), largestPiece)) }

// pacedConn is a connection that is read at a bounded speed.
type pacedConn struct {
	net.Conn

	// Immutable.
	rate   ByteRate
	piece  int
	hurry  <-chan struct{}
	closed chan struct{}

	closing sync.Once

	// Owned by the caller of Read; connections have one at a time.
	next time.Time // when the bytes read so far are paid for
}

// Read waits until the bytes read before are paid for, then reads a piece.
func (c *pacedConn) Read(b []byte) (int, error) {
	select {
	case <-c.hurry:
		return c.Conn.Read(b)
	default:
	}
	if wait := time.Until(c.next); wait > 0 {
		select {
		case <-time.After(wait):
		case <-c.hurry:
		case <-c.closed:
		}
	}
	n, err := c.Conn.Read(b[:min(len(b), c.piece)])
	if oldest := time.Now().Add(-paceCredit); c.next.Before(oldest) {
		c.next = oldest
	}
	c.next = c.next.Add(c.rate.takes(n))
	return n, err
}

// Close closes the connection and ends a wait of Read.
func (c *pacedConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// SetReadBuffer sets the size of the socket's receive buffer, for which the SDK looks. What lies
// in the buffer grows old before the pace lets it be read. Without a socket it does nothing.
func (c *pacedConn) SetReadBuffer(bytes int) error {
	if s, ok := c.Conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		return s.SetReadBuffer(bytes)
	}
	return nil
}
