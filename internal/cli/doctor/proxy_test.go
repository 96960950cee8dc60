package doctor

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/config"
	"backbone/internal/frame"
	"backbone/internal/server/servertest"
)

// rule says what a proxy does with a frame that it has read: it passes on what the rule returns.
// toServer says where the frame goes, and back writes to where it came from.
type rule func(op frame.Opcode, whole []byte, toServer bool, back io.Writer) []byte

// between starts a proxy that has a rule for frames, and returns its URL.
func between(t *testing.T, server string, r rule) string {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", at.Host)
			if err != nil {
				_ = client.Close()
				continue
			}
			all.Go(func() { pass(client, up, true, r) })
			all.Go(func() { pass(up, client, false, r) })
		}
	})
	return "ws://" + l.Addr().String()
}

// pass hands on one direction: the head of a request or an answer, and then frames by the rule.
func pass(from, to net.Conn, toServer bool, r rule) {
	defer from.Close()
	defer to.Close()
	in := bufio.NewReader(from)
	upgrade := false
	for {
		line, err := in.ReadString('\n')
		if _, failed := io.WriteString(to, line); err != nil || failed != nil {
			return
		}
		upgrade = upgrade || strings.HasPrefix(strings.ToLower(line), "upgrade:")
		if line == "\r\n" {
			break
		}
	}
	if !upgrade {
		_, _ = io.Copy(to, in)
		return
	}
	for {
		head, _ := in.Peek(2)
		if len(head) < 2 {
			return
		}
		size := 2
		switch head[1] & 0x7f {
		case 126:
			size += 2
		case 127:
			size += 8
		}
		if head[1]&0x80 != 0 {
			size += 4
		}
		head, err := in.Peek(size)
		if err != nil {
			return
		}
		var h frame.Header
		h.Parse(head)
		whole := make([]byte, size+int(h.Length))
		if _, err := io.ReadFull(in, whole); err != nil {
			return
		}
		if whole = r(h.Opcode, whole, toServer, from); whole != nil {
			if _, err := to.Write(whole); err != nil {
				return
			}
		}
		if whole == nil && h.Opcode == frame.Close {
			return
		}
	}
}

func TestWhatProxiesDo(t *testing.T) {
	server := servertest.Start(t, func(c *config.Serve) { c.PingInterval = 20 * time.Millisecond }).URL()
	without := func(lost frame.Opcode, onlyToServer bool) string {
		return between(t, server, func(op frame.Opcode, whole []byte, toServer bool, _ io.Writer) []byte {
			if op == lost && toServer == onlyToServer {
				return nil
			}
			return whole
		})
	}
	quick := []string{"--connect-timeout", "2s"} // which all else must keep to, where only one thing does not come
	idle := []string{"--connect-timeout", "2s", "--idle", "1s"}

	e := examine(t, between(t, server, func(_ frame.Opcode, whole []byte, _ bool, _ io.Writer) []byte { return whole }), idle...)
	e.expect(t, "pings", fine, "answered in")
	e.expect(t, "idle", fine, "stayed open")
	examine(t, without(frame.Ping, true), quick...).expect(t, "pings", broken, "a ping frame is not answered within 2s: a proxy in between keeps ping frames")
	examine(t, without(frame.Ping, false), idle...).expect(t, "idle", doubt, "no ping of the server came")
	examine(t, without(frame.Text, false), quick...).expect(t, "messages", broken, "a message is not answered within 2s: a proxy in between holds messages back")
	for _, pings := range [][]byte{nil, frame.AppendHeader(nil, frame.Ping, 0)} { // which come behind the client's close
		e := examine(t, between(t, server, func(op frame.Opcode, whole []byte, toServer bool, back io.Writer) []byte {
			switch {
			case op == frame.Close && !toServer:
				return nil
			case op == frame.Close:
				_, _ = back.Write(pings)
			}
			return whole
		}), quick...)
		e.expect(t, "close", doubt, "the close code 4000 is answered with nothing: a proxy in between does not pass close frames on")
	}
	examine(t, between(t, server, func(op frame.Opcode, whole []byte, _ bool, _ io.Writer) []byte {
		if op == frame.Close {
			return append(frame.AppendHeader(nil, frame.Close, 2), 1000>>8, 1000&0xff)
		}
		return whole
	}), quick...).expect(t, "close", doubt, "the close code 4000 is answered with 1000")
	examine(t, between(t, server, func(op frame.Opcode, whole []byte, toServer bool, back io.Writer) []byte {
		switch {
		case op == frame.Text && toServer:
			time.Sleep(40 * time.Millisecond) // far away
		case op == frame.Ping && toServer:
			payload := whole[6:]
			for i := range payload {
				payload[i] ^= whole[2+i%4]
			}
			_, _ = back.Write(append(frame.AppendHeader(nil, frame.Pong, len(payload)), payload...))
			return nil
		}
		return whole
	}), "--connect-timeout", "5s").expect(t, "pings", doubt, "a proxy answers them itself")
}

// A proxy that knows nothing of WebSockets loses the header Upgrade.
func TestAProxyWithoutWebSockets(t *testing.T) {
	behind, err := url.Parse(strings.Replace(servertest.Start(t).URL(), "ws", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Header.Del("Upgrade")
		r.Out.Header.Del("Connection")
	}}
	web := httptest.NewServer(proxy)
	defer web.Close()
	examine(t, web.URL).expect(t, "websocket", broken, "a proxy in between does not pass the WebSocket handshake on (Upgrade and Connection)")
}

func TestAClockIsWrong(t *testing.T) {
	for offset, words := range map[time.Duration]string{time.Hour: "ahead of this one", -time.Hour: "behind this one"} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"backbone.v1"}})
			if err != nil {
				return
			}
			defer ws.CloseNow()
			for {
				_, text, err := ws.Read(r.Context())
				if err != nil {
					return
				}
				reply := strings.Replace(strings.TrimSuffix(string(text), "}"), "ping", "pong", 1) + `,"ts":` + milli(time.Now().Add(offset)) + "}"
				if ws.Write(r.Context(), websocket.MessageText, []byte(reply)) != nil {
					return
				}
			}
		}))
		examine(t, other.URL).expect(t, "clock", doubt, words)
		other.Close()
	}
}

func milli(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
