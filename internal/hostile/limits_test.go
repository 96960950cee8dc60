//go:build hostile && unix

package hostile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/proctest"
	"backbone/protocol"
)

const handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dialFrom connects from an address of the loopback.
func (in *instance) dialFrom(address string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	c, err := dialer.Dial("tcp", in.addr)
	if err == nil {
		in.t.Cleanup(func() { c.Close() })
		err = c.SetDeadline(time.Now().Add(2 * patience))
	}
	return c, err
}

// asks sends a request from an address and returns the status of its answer.
func (in *instance) asks(address, request string) (int, error) {
	c, err := in.dialFrom(address)
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c, request); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

const ready = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// Of 2,000 connections that say nothing, as many are held as the address may have.
func TestSilentConnectionsCountForTheLimits(t *testing.T) {
	in := serve(t, "ulimit -n 8192;", "--max-connections=50", "--max-connections-per-address=20")
	for range 2000 {
		if _, err := in.dialFrom("127.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	if status, err := in.asks("127.0.0.2", ready); status != http.StatusOK {
		t.Errorf("another address asks for health: %d, %v", status, err)
	}
	if status, err := in.asks("127.0.0.1", handshake); status != http.StatusSwitchingProtocols {
		t.Errorf("a client of the same address: %d, %v", status, err)
	}
	if n, err := strconv.Atoi(in.metric("backbone_handshakes_open")); err != nil || n > 20 {
		t.Errorf("%d connections without a request are held, %v", n, err)
	}
	in.stops(10 * time.Second)
}

// Silent connections are renewed all the time and take all descriptors.
func TestSilentConnectionsTakeNoDescriptors(t *testing.T) {
	in := serve(t, "ulimit -n 128;")
	stop, full := make(chan struct{}), make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		var open []net.Conn
		every := time.NewTicker(time.Millisecond)
		defer every.Stop()
		for came := 0; ; {
			select {
			case <-stop:
				for _, c := range open {
					c.Close()
				}
				return
			case <-every.C:
			}
			if c, err := net.DialTimeout("tcp", in.addr, time.Second); err == nil {
				open = append(open, c)
				if came++; came == 1000 { // many times its descriptors
					close(full)
				}
			}
			if len(open) > 600 {
				open[0].Close()
				open = open[1:]
			}
		}
	})
	select {
	case <-full:
	case <-time.After(patience):
		t.Error("the flood does not come")
	}
	for n := range 5 {
		begin := time.Now()
		if status, err := in.asks("127.0.0.2", ready); status != http.StatusOK {
			t.Errorf("question %d for health: %d, %v", n, status, err)
		}
		if status, err := in.asks("127.0.0.3", handshake); status != http.StatusSwitchingProtocols {
			t.Errorf("client %d: %d, %v", n, status, err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%d: they waited %v", n, d)
		}
	}
	close(stop)
	flood.Wait()
	in.stops(10 * time.Second)
}

// Frames that say nothing are no way around the limits.
func TestFloodsOfFramesThatSayNothingAreClosed(t *testing.T) {
	in := serve(t, "", "--max-message-rate=1000")
	for name, flood := range map[string]struct{ first, then string }{
		"pongs":                      {"", "\x8a\x80\x00\x00\x00\x00"},
		"pings":                      {"", "\x89\x80\x00\x00\x00\x00"},
		"empty fragments":            {"\x01\x81\x00\x00\x00\x00{", "\x00\x80\x00\x00\x00\x00"},
		"pings with a message each":  {"", "\x89\x80\x00\x00\x00\x00\x81\x8f\x00\x00\x00\x00" + `{"type":"ping"}`},
		"messages, a few of them in": {"", "\x81\x8f\x00\x00\x00\x00" + `{"type":"ping"}`},
	} {
		c, err := in.dialFrom("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, handshake+flood.first); err != nil {
			t.Fatal(err)
		}
		from := bufio.NewReader(c)
		if answer, err := http.ReadResponse(from, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %v, %v", name, answer, err)
		}
		var writer sync.WaitGroup
		writer.Go(func() {
			frames := bytes.Repeat([]byte(flood.then), 100)
			for err := error(nil); err == nil; { // until it is closed, or its deadline has passed
				_, err = c.Write(frames)
			}
		})
		for closed := false; !closed; {
			h, err := ws.ReadHeader(from)
			if err != nil {
				t.Errorf("%s: not closed with a code: %v", name, err)
				break
			}
			payload := make([]byte, h.Length)
			if _, err := io.ReadFull(from, payload); err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if closed = h.OpCode == ws.OpClose; closed {
				code, reason := ws.ParseCloseFrameData(payload)
				if protocol.CloseCode(code) != protocol.CloseTooMany || reason != "too many messages past the rate" {
					t.Errorf("%s: closed with %d %q", name, code, reason)
				}
			}
		}
		c.Close()
		writer.Wait()
		in.publishes("A")
	}
	in.stops(10 * time.Second)
}

// The server does not run for longer than a handshake may take, and clients send theirs meanwhile.
func TestAFrozenServerReadsTheHandshakesThatCame(t *testing.T) {
	in := serve(t, "")
	var clients []net.Conn
	for range 100 {
		c, err := in.dialFrom("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	for begin := time.Now(); in.metric("backbone_handshakes_open") != fmt.Sprint(len(clients)); {
		if time.Since(begin) > patience {
			t.Fatal("the server does not have all connections")
		}
		<-time.After(10 * time.Millisecond)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := in.cmd.Process.Signal(proctest.Freeze); err != nil {
		t.Fatal(err)
	}
	if err := proctest.Frozen(in.cmd.Process); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if _, err := io.WriteString(c, handshake); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(12 * time.Second) // longer than a handshake may take
	if err := in.cmd.Process.Signal(proctest.Thaw); err != nil {
		t.Fatal(err)
	}
	for n, c := range clients {
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("client %d: %v, %v", n, answer, err)
		}
	}
	in.stops(10 * time.Second)
}
