package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// upgradeTo is a correct handshake for the path, without its last empty line.
func upgradeTo(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: backbone\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
}

// peer is the client end of a WebSocket, frame by frame.
type peer struct {
	net.Conn
	t *testing.T
	r *bufio.Reader

	key string // that it sends; "": none
}

// connect opens a WebSocket; behind is sent together with the handshake.
func (i *instance) connect(path string, behind ...byte) *peer {
	i.t.Helper()
	p := &peer{Conn: i.dial(), t: i.t}
	p.upgrade(path, behind...)
	return p
}

// connectWith opens a WebSocket with a key.
func (i *instance) connectWith(key, path string) *peer {
	i.t.Helper()
	p := &peer{Conn: i.dial(), t: i.t, key: key}
	p.upgrade(path)
	return p
}

func (i *instance) consumer() *peer { i.t.Helper(); return i.connect(protocol.PathConsume) }

func (i *instance) ingestor() *peer { i.t.Helper(); return i.connect(protocol.PathIngest) }

func (p *peer) upgrade(path string, behind ...byte) {
	p.t.Helper()
	p.r = bufio.NewReader(p.Conn)
	written := make(chan error, 1)
	go func() { // a pipe takes nothing until it is read, and the server can answer first
		head := upgradeTo(path)
		if p.key != "" {
			head += "Authorization: Bearer " + p.key + "\r\n"
		}
		_, err := p.Write(append([]byte(head+"\r\n"), behind...))
		written <- err
	}()
	answer, err := http.ReadResponse(p.r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		p.t.Fatalf("the handshake was answered with %s", answer.Status)
	}
	if err := <-written; err != nil {
		p.t.Fatal(err)
	}
}

var testMask = [4]byte{0xa1, 0xb2, 0xc3, 0xd4}

// masked is a final frame as a client sends it.
func masked(op ws.OpCode, payload string) []byte { return encode(true, op, payload) }

func encode(fin bool, op ws.OpCode, payload string) []byte {
	b := []byte{byte(op), 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, testMask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^testMask[i%4])
	}
	return b
}

func closing(code protocol.CloseCode, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}

// raw sends bytes as they are.
func (p *peer) raw(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// send sends text messages, each in a frame and a write of its own.
func (p *peer) send(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.raw(masked(ws.OpText, text))
	}
}

// next reads a frame, which must not be masked.
func (p *peer) next() (ws.OpCode, string, error) {
	h, err := ws.ReadHeader(p.r)
	if err != nil {
		return 0, "", err
	}
	if h.Masked || !h.Fin || h.Rsv != 0 {
		p.t.Errorf("a frame with the header %+v", h)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(p.r, payload)
	return h.OpCode, string(payload), err
}

// want reads one frame.
func (p *peer) want(op ws.OpCode, payload string) {
	p.t.Helper()
	gotOp, got, err := p.next()
	if err != nil || gotOp != op || got != payload {
		p.t.Fatalf("got frame %#x %.200q, %v\nwant      %#x %.200q", gotOp, got, err, op, payload)
	}
}

// hears reads text messages.
func (p *peer) hears(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.want(ws.OpText, text)
	}
}

// closed reads a close frame.
func (p *peer) closed(code protocol.CloseCode) {
	p.t.Helper()
	op, payload, err := p.next()
	if err != nil || op != ws.OpClose || len(payload) < 3 {
		p.t.Fatalf("got frame %#x %.200q, %v, want a close frame with code %d and a reason", op, payload, err, code)
	}
	if got := protocol.CloseCode(binary.BigEndian.Uint16([]byte(payload))); got != code {
		p.t.Fatalf("closed with %d %q, want %d", got, payload[2:], code)
	}
}

// ended reads the end of the connection, with nothing before it.
func (p *peer) ended() {
	p.t.Helper()
	if op, payload, err := p.next(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("got frame %#x %.200q, %v, want the end of the connection", op, payload, err)
	}
}

// silent fails if anything comes within d.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(d)); err != nil {
		p.t.Fatal(err)
	}
	if op, payload, err := p.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("got frame %#x %.200q, %v, want nothing", op, payload, err)
	}
	if err := p.SetReadDeadline(time.Time{}); err != nil {
		p.t.Fatal(err)
	}
}

// join joins a room of which no last price is known.
func (p *peer) join(room string) {
	p.t.Helper()
	p.send(`{"type":"join","room":"` + room + `"}`)
	p.hears(`{"type":"joined","room":"` + room + `"}`)
}

// say is a request to send a chat message, heard what its room's members then hear.
func say(room, text string) string {
	return `{"type":"message","room":"` + room + `","data":"` + text + `"}`
}

func price(instrument, price string) string {
	return `{"type":"price_update","instrument":"` + instrument + `","price":` + price + `,"ts":1}`
}

// pongless is a pong without the server's time.
func pongless(text string) string {
	at := strings.LastIndex(text, `,"ts":`)
	if !strings.HasPrefix(text, `{"type":"pong"`) || at < 0 {
		return text
	}
	return text[:at] + `,"ts":T}`
}
