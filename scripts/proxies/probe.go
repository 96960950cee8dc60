//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const join = `{"type":"join","room":"BTC_USDT"}`

// dial connects to a server or a proxy and asks for a WebSocket as a page of that host does.
// What early holds follows the request in the same write.
func dial(address string, early []byte) (*wire, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	request := "GET /ws HTTP/1.1\r\nHost: " + address + "\r\nOrigin: http://" + address + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	w := &wire{conn: conn, in: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(append([]byte(request), early...)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	response, err := http.ReadResponse(w.in, nil) //nolint:bodyclose // a 101 has none, and all else ends the connection
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(fmt.Errorf("answered %s", response.Status), conn.Close())
	}
	return w, nil
}

// wire is a WebSocket connection of which each frame is seen.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is owed to it

// frame is a short text frame of a client. Its mask is zero.
func frame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// next reads a frame until then, which is short: the server's greetings and closes are.
func (w *wire) next(until time.Time) (opcode byte, payload []byte, err error) {
	_ = w.conn.SetReadDeadline(until)
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, head[1]&0x7f)
	_, err = io.ReadFull(w.in, payload)
	return head[0] & 0x0f, payload, err
}

// joined joins a room.
func joined(address string) (*wire, error) {
	w, err := dial(address, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.conn.Write(frame(join)); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	for {
		opcode, payload, err := w.next(time.Now().Add(5 * time.Second))
		if err != nil {
			return nil, errors.Join(err, w.conn.Close())
		}
		if opcode == 1 && strings.Contains(string(payload), `"joined"`) {
			return w, nil
		}
	}
}

// early tries how often a join that follows the handshake without waiting for its response is
// answered, in the same packet or in one of its own.
func early(address string, tries int) string {
	answered, last := 0, ""
	for range tries {
		w, err := dial(address, frame(join))
		if err != nil {
			last = err.Error()
			continue
		}
		patience := time.Now().Add(time.Second)
		opcode, payload, err := w.next(patience)
		for err == nil && opcode == 9 { // the server's ping may come first
			opcode, payload, err = w.next(patience)
		}
		w.close()
		switch {
		case isTimeout(err):
			last = "silence"
		case err != nil:
			last = err.Error()
		case opcode == 1 && strings.Contains(string(payload), `"joined"`):
			answered++
		default:
			last = fmt.Sprintf("opcode %d, %q", opcode, payload)
		}
	}
	if answered == tries {
		return "answered"
	}
	return fmt.Sprintf("%d of %d answered: %s", answered, tries, last)
}

// ended watches a connection on which nothing happens, for at most the given time, and says
// how it ended.
func (w *wire) ended(patience time.Duration) string {
	begin := time.Now()
	for {
		opcode, payload, err := w.next(begin.Add(patience))
		after := time.Since(begin)
		switch {
		case isTimeout(err):
			return fmt.Sprintf("open after %.0f s", patience.Seconds())
		case err != nil:
			return fmt.Sprintf("ended without a close frame after %.1f s", after.Seconds())
		case opcode == 8 && len(payload) >= 2:
			return fmt.Sprintf("closed with %d after %.1f s", int(payload[0])<<8|int(payload[1]), after.Seconds())
		case opcode == 9: // the answer has the ping's payload
			pong := append([]byte{0x8a, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
			_, _ = w.conn.Write(pong) // a failure shows in the next read
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
