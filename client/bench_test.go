package client

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"backbone/protocol"
)

// rawServer answers the handshake and hands over the bare connection, so that a
// benchmark measures the client and not a server's framing.
func rawServer(tb testing.TB, serve func(net.Conn)) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			tb.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		serve(c)
	}))
	tb.Cleanup(srv.Close)
	return srv.URL
}

// textFrame is s as a server's WebSocket frame; s is shorter than 126 bytes.
func textFrame(s string) []byte { return append([]byte{0x81, byte(len(s))}, s...) }

const benchPrice = `{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`

func BenchmarkParsePrice(b *testing.B) {
	msg, rooms := []byte(benchPrice), &joinedRooms{names: map[string]string{"BTC_USDT": "BTC_USDT"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := parseEvent(msg, rooms); !ok {
			b.Fatal("not the fast path")
		}
	}
}

func BenchmarkUnmarshalPrice(b *testing.B) {
	msg := []byte(benchPrice)
	b.ReportAllocs()
	for b.Loop() {
		var m protocol.ServerMessage
		if err := json.Unmarshal(msg, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConsume is one event on loopback, from the socket to the program.
func BenchmarkConsume(b *testing.B) {
	burst := bytes.Repeat(textFrame(benchPrice), 700)
	url := rawServer(b, func(c net.Conn) {
		for {
			if _, err := c.Write(burst); err != nil {
				return
			}
		}
	})
	c, err := Dial(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		<-c.Events()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkOnMessage is one event on loopback that the program takes undecoded.
func BenchmarkOnMessage(b *testing.B) {
	burst := bytes.Repeat(textFrame(benchPrice), 700)
	url := rawServer(b, func(c net.Conn) {
		if _, err := c.Read(make([]byte, 64)); err != nil { // servers say nothing unasked
			return
		}
		for {
			if _, err := c.Write(burst); err != nil {
				return
			}
		}
	})
	const batch = 1000
	got, taken := make(chan struct{}), 0
	done := make(chan struct{})
	c, err := Dial(b.Context(), url, &ConnOptions{OnMessage: func([]byte) bool {
		if taken++; taken%batch == 0 {
			select {
			case got <- struct{}{}:
			case <-done:
			}
		}
		return true
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	defer close(done)
	go func() { _, _ = c.Ping(b.Context()) }() // nobody answers
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%batch == 0 {
			<-got
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublish is one event on loopback, without an answer.
func BenchmarkPublish(b *testing.B) {
	url := rawServer(b, func(c net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
	p, err := DialIngestor(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer p.s.close() // no Flush: nobody would answer
	u := PriceUpdate{Instrument: "BTC_USDT", Price: "60214.3", TS: 1710000000}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Publish(b.Context(), u); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublishAck is one acknowledged event on loopback, with as many in flight as
// the default allows. The server answers as the real one does: in order, bare.
func BenchmarkPublishAck(b *testing.B) {
	url := rawServer(b, func(c net.Conn) {
		in := bufio.NewReaderSize(c, 64<<10)
		var out []byte
		for {
			// A client's frame: two bytes (the payload is shorter than 126), the mask, the payload.
			head := make([]byte, 6)
			if _, err := io.ReadFull(in, head); err != nil {
				return
			}
			payload := make([]byte, head[1]&0x7f)
			if _, err := io.ReadFull(in, payload); err != nil {
				return
			}
			for i := range payload {
				payload[i] ^= head[2+i%4]
			}
			_, id, found := bytes.Cut(payload, []byte(`"id":"`))
			if !found {
				return
			}
			out = append(out, textFrame(`{"type":"ack","id":"`+string(id))...)
			if in.Buffered() == 0 || len(out) > 32<<10 {
				if _, err := c.Write(out); err != nil {
					return
				}
				out = out[:0]
			}
		}
	})
	p, err := DialIngestor(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer p.s.close()
	u := PriceUpdate{Instrument: "BTC_USDT", Price: "60214.3", TS: 1710000000}
	pending := make(chan *Pending, 2048)
	waited := make(chan error, 1)
	go func() {
		for w := range pending {
			if err := w.Wait(b.Context()); err != nil {
				waited <- err
				return
			}
		}
		waited <- nil
	}()
	b.ReportAllocs()
	for b.Loop() {
		w, err := p.PublishAsync(b.Context(), u)
		if err != nil {
			b.Fatal(err)
		}
		pending <- w
	}
	close(pending)
	if err := <-waited; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
