package transport

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/protocol"
)

// head is a frame header as bytes, masked or not, of whatever length it claims.
func head(first byte, masked bool, length uint64) []byte {
	b := []byte{first, 127}
	if masked {
		b[1] |= 0x80
	}
	b = binary.BigEndian.AppendUint64(b, length)
	if masked {
		b = append(b, testMask[:]...)
	}
	return b
}

func unmasked(op ws.OpCode, payload string) []byte {
	return append([]byte{0x80 | byte(op), byte(len(payload))}, payload...)
}

func flagged(bit byte, f []byte) []byte {
	f[0] |= bit
	return f
}

const pingText = `{"type":"ping","id":"7"}`

// rawCases are frames and what they are answered with: texts (a pong's time is T),
// then pongs as "pong:payload", then a close code, 0 where the connection lives on.
func rawCases() map[string]rawCase {
	pong := `{"type":"pong","id":"7","ts":T}`
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	padded := func(n int) string { return pingText + strings.Repeat(" ", n-len(pingText)) }
	first, more, last := encode(false, ws.OpText, pingText[:5]), encode(false, ws.OpContinuation, pingText[5:9]), encode(true, ws.OpContinuation, pingText[9:])
	invalid := `{"type":"` + "\xff" + `"}`
	empty := `{"type":"error","code":"invalid_json","message":"not valid JSON: the message is empty"}`
	cases := map[string]rawCase{
		"text":                      {masked(ws.OpText, pingText), []string{pong}, 0},
		"empty text":                {masked(ws.OpText, ""), []string{empty}, 0},
		"126 bytes":                 {masked(ws.OpText, padded(126)), []string{pong}, 0},
		"exactly 64 KiB":            {masked(ws.OpText, padded(64<<10)), []string{pong}, 0},
		"exactly 64 KiB, in pieces": {join(encode(false, ws.OpText, padded(40000)), encode(true, ws.OpContinuation, strings.Repeat(" ", 64<<10-40000))), []string{pong}, 0},
		"fragmented":                {join(first, more, last), []string{pong}, 0},
		"fragmented, empty pieces":  {join(encode(false, ws.OpText, ""), first[:0], encode(false, ws.OpContinuation, ""), encode(true, ws.OpContinuation, pingText)), []string{pong}, 0},
		"fragmented, all empty":     {join(encode(false, ws.OpText, ""), encode(true, ws.OpContinuation, "")), []string{empty}, 0},
		"pings between fragments":   {join(first, masked(ws.OpPing, "a"), more, masked(ws.OpPing, "b"), masked(ws.OpPong, "c"), last), []string{"pong:a", "pong:b", pong}, 0},
		"close between fragments":   {join(first, masked(ws.OpClose, closing(1000, ""))), nil, 1000},
		"UTF-8 split by fragments":  {join(encode(false, ws.OpText, "\"\xe2\x82"), encode(true, ws.OpContinuation, "\xac\"")), []string{`{"type":"error","code":"invalid_json","message":"must be a JSON object, got string"}`}, 0},
		"ping":                      {masked(ws.OpPing, ""), []string{"pong:"}, 0},
		"ping of 125 bytes":         {masked(ws.OpPing, strings.Repeat("\xff", 125)), []string{"pong:" + strings.Repeat("\xff", 125)}, 0},
		"pong":                      {masked(ws.OpPong, "unasked"), nil, 0},

		"not masked":                    {unmasked(ws.OpText, pingText), nil, 1002},
		"ping not masked":               {unmasked(ws.OpPing, ""), nil, 1002},
		"ping of 126 bytes":             {masked(ws.OpPing, strings.Repeat("x", 126)), nil, 1002},
		"fragmented ping":               {encode(false, ws.OpPing, ""), nil, 1002},
		"fragmented close":              {encode(false, ws.OpClose, ""), nil, 1002},
		"continuation of nothing":       {encode(true, ws.OpContinuation, pingText), nil, 1002},
		"continuation of nothing, open": {encode(false, ws.OpContinuation, pingText), nil, 1002},
		"continuation after the end":    {join(first, more, last, last), []string{pong}, 1002},
		"text inside a fragmented one":  {join(first, masked(ws.OpText, pingText)), nil, 1002},
		"binary inside a fragmented":    {join(first, masked(ws.OpBinary, "")), nil, 1002},
		"length of 2^63":                {head(0x81, true, 1<<63), nil, 1002},
		"length of 2^64-1, unmasked":    {head(0x81, false, 1<<64-1), nil, 1002},
		"longer length than needed":     {overlong(ws.OpText, 2, pingText), nil, 1002},
		"much longer length":            {overlong(ws.OpText, 8, pingText), nil, 1002},
		"longest length for 256 bytes":  {overlong(ws.OpText, 8, padded(256)), nil, 1002},
		"longer length of a ping":       {overlong(ws.OpPing, 2, "x"), nil, 1002},
		"close of 1 byte":               {masked(ws.OpClose, "x"), nil, 1002},
		"close of 126 bytes":            {masked(ws.OpClose, closing(1000, strings.Repeat("x", 124))), nil, 1002},

		"binary":            {masked(ws.OpBinary, "x"), nil, 1003},
		"empty binary":      {masked(ws.OpBinary, ""), nil, 1003},
		"fragmented binary": {encode(false, ws.OpBinary, "x"), nil, 1003},
		"huge binary":       {head(0x82, true, 1<<40), nil, 1003},

		"invalid UTF-8":                 {masked(ws.OpText, invalid), nil, 1007},
		"invalid UTF-8 over fragments":  {join(encode(false, ws.OpText, invalid[:10]), encode(true, ws.OpContinuation, invalid[10:])), nil, 1007},
		"UTF-8 cut short":               {masked(ws.OpText, "\"\xe2\x82"), nil, 1007},
		"a surrogate as UTF-8":          {masked(ws.OpText, "\"\xed\xa0\x80\""), nil, 1007},
		"invalid UTF-8 as close reason": {masked(ws.OpClose, closing(1000, "\xff")), nil, 1007},
		"the same, own code":            {masked(ws.OpClose, closing(4000, "\xff")), nil, 1007},

		"64 KiB and one":              {masked(ws.OpText, padded(64<<10+1)), nil, 1009},
		"64 KiB and one, just a head": {head(0x81, true, 64<<10+1), nil, 1009},
		"length of 2^63-1":            {head(0x81, true, 1<<63-1), nil, 1009},
		"continued by 2^63-1":         {join(first, head(0x80, true, 1<<63-1)), nil, 1009},
		"64 KiB and one, in pieces":   {join(encode(false, ws.OpText, padded(64<<10)), encode(true, ws.OpContinuation, " ")), nil, 1009},
		"many pieces over 64 KiB":     {join(encode(false, ws.OpText, padded(30000)), encode(false, ws.OpContinuation, padded(30000)), encode(false, ws.OpContinuation, padded(30000))), nil, 1009},

		"an answer before a close error": {join(masked(ws.OpText, pingText), masked(ws.OpBinary, ""), masked(ws.OpText, pingText)), []string{pong}, 1003},
	}
	for _, bit := range []byte{0x40, 0x20, 0x10} {
		cases[fmt.Sprintf("reserved bit %#x", bit)] = rawCase{flagged(bit, masked(ws.OpText, pingText)), nil, 1002}
		cases[fmt.Sprintf("reserved bit %#x of a ping", bit)] = rawCase{flagged(bit, masked(ws.OpPing, "")), nil, 1002}
	}
	for _, op := range []ws.OpCode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases[fmt.Sprintf("reserved opcode %d", op)] = rawCase{masked(op, ""), nil, 1002}
	}
	for _, code := range []protocol.CloseCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases[fmt.Sprintf("close with %d", code)] = rawCase{masked(ws.OpClose, closing(code, "reason €")), nil, code}
	}
	for _, code := range []protocol.CloseCode{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases[fmt.Sprintf("close with %d", code)] = rawCase{masked(ws.OpClose, closing(code, "")), nil, 1002}
	}
	return cases
}

// overlong is a final frame whose length takes so many more bytes.
func overlong(op ws.OpCode, more int, payload string) []byte {
	short := masked(op, payload)
	header := short[:len(short)-len(payload)-len(testMask)]
	length := binary.BigEndian.AppendUint64(nil, uint64(len(payload)))
	as := map[int]byte{2: 126, 8: 127}[more]
	return slices.Concat(header[:1], []byte{0x80 | as}, length[8-more:], short[len(header):])
}

type rawCase struct {
	in      []byte
	answers []string
	code    protocol.CloseCode
}

// Each case is the same whether its bytes come together or one by one, over a pipe or
// over TCP, which are read in different ways.
func TestRawFrames(t *testing.T) {
	for name, c := range rawCases() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := onPipes(t, settings{}).consumer()
				p.inBackground(c.in)
				p.answered(c)
				if c.code == 0 {
					p.silent(time.Second)
				}
			})
			if len(c.in) > 4096 {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				p := onPipes(t, settings{}).consumer()
				p.inBackground(c.in, 1)
				p.answered(c)
			})
		})
	}
}

func TestRawFramesOverTCP(t *testing.T) {
	i := onTCP(t, settings{})
	for name, c := range rawCases() {
		t.Run(name, func(t *testing.T) {
			for _, pieces := range [][]int{nil, {7, 1, 2, 4000, 3}} {
				p := i.consumer()
				p.t = t
				sent := p.inBackground(c.in, pieces...)
				p.answered(c)
				if c.code == 0 {
					<-sent // there can be no answer to the last bytes
					p.raw(masked(ws.OpPing, "alive"))
					p.want(ws.OpPong, "alive")
				}
				p.Close()
			}
		})
	}
}

// inBackground sends b in pieces of the given sizes, the last one repeated, or in one piece if
// there are none. It closes the channel that it returns when all is sent, or the peer has closed.
func (p *peer) inBackground(b []byte, sizes ...int) <-chan struct{} {
	done := make(chan struct{})
	p.t.Cleanup(func() {
		p.Close()
		<-done
	})
	go func() {
		defer close(done)
		for len(b) > 0 {
			n := len(b)
			if len(sizes) > 0 {
				n = min(n, sizes[0])
				if len(sizes) > 1 {
					sizes = sizes[1:]
				}
			}
			if _, err := p.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
	}()
	return done
}

func (p *peer) answered(c rawCase) {
	p.t.Helper()
	for _, want := range c.answers {
		op, text, err := p.next()
		got := pongless(text)
		if op == ws.OpPong {
			got = "pong:" + text
		}
		if err != nil || got != want {
			p.t.Fatalf("got frame %#x %.200q, %v, want %.200q", op, got, err, want)
		}
	}
	if c.code != 0 {
		p.closed(c.code)
	}
}

func TestLongReasonIsCutBetweenCharacters(t *testing.T) {
	for reason, want := range map[string]string{
		strings.Repeat("€", 100):       "\x88\x7d\x03\xe9" + strings.Repeat("€", 41),
		"a" + strings.Repeat("€", 100): "\x88\x7b\x03\xe9a" + strings.Repeat("€", 40),
	} {
		if f := closeFrame(protocol.CloseGoingAway, reason); string(f) != want {
			t.Errorf("got %q", f)
		}
	}
}
