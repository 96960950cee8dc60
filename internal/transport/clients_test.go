package transport

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/auth"
)

// heads are the handshakes of client libraries, as a listener on port 8080 of 127.0.0.1 received
// them. Only the keys differ from one connection to the next.
var heads = map[string]string{
	"Python websockets 10.4":      "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: q4+2gy/FJN+Lo+h8QHPxhg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nUser-Agent: Python/3.11 websockets/10.4\r\n\r\n",
	"Python aiohttp 3.8":          "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MgmAejj5TLWrBeBRUAJevw==\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: Python/3.11 aiohttp/3.8.4\r\n\r\n",
	"Python websocket-client 1.2": "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nHost: 127.0.0.1:8080\r\nOrigin: http://127.0.0.1:8080\r\nSec-WebSocket-Key: jdo/YKUy9hcvPgTu54W61g==\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n\r\n",
	"Python ws4py 0.5":            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: jdo/YKUy9hcvPgTu54W61g==\r\nSec-WebSocket-Version: 13\r\nOrigin: ws://127.0.0.1:8080\r\n\r\n",
	"Node ws 8":                   "GET /ws HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: oQK8yIxoUo5aWFRspDcgKA==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1:8080\r\n\r\n",
	"Node faye-websocket 0.11":    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: q4+2gy/FJN+Lo+h8QHPxhg==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	"Node undici 6":               "GET /ws HTTP/1.1\r\nhost: 127.0.0.1:8080\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: WtXpGpLJ1f0CwYWsTPkGfg==\r\nsec-websocket-version: 13\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits\r\naccept: */*\r\naccept-language: *\r\nsec-fetch-mode: websocket\r\nuser-agent: undici\r\npragma: no-cache\r\ncache-control: no-cache\r\naccept-encoding: gzip, deflate\r\n\r\n",
	"Firefox":                     "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:8080\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: CImayMR0SsGXFU9DCYeUDA==\r\nConnection: keep-alive, Upgrade\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n",
	"Tcl tcllib 1.21":             "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0 (Unix; U; Linux 6.18) http/2.9.8 Tcl/8.6.13\r\nConnection: close\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: LZSS2nU1PZb6Xn73UeHI5A==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: \r\nAccept: */*\r\nAccept-Encoding: gzip,deflate,compress\r\n\r\n",
	"Pike 8.0":                    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nHost: 127.0.0.1\r\nSec-WebSocket-Key: QsTwm6z8zMJTYTrCPrmOnw==\r\nUser-Agent: Pike/8.0\r\n\r\n",
	"Crystal 1.6":                 "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: nWzEwMHSYouFwpZuWyLsSQ==\r\n\r\n",
	"Perl AnyEvent 0.54":          "GET /ws HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: 127.0.0.1:8080\r\nOrigin: http://127.0.0.1:8080\r\nSec-WebSocket-Key: 34djKx55q1plyT9uvbI95g==\r\nSec-WebSocket-Version: 13\r\n\r\n",
	"Go x/net, page of no port":   "GET /ws HTTP/1.1\r\nHost: localhost:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: 34djKx55q1plyT9uvbI95g==\r\nOrigin: http://localhost/\r\nSec-WebSocket-Version: 13\r\n\r\n",
}

// Every library is accepted, whatever its way of writing a handshake, also where each byte comes alone.
func TestHandshakesOfClientLibraries(t *testing.T) {
	for name, text := range heads {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{change: func(o *Options) { o.Origins = auth.NewOrigins(nil) }})
			if answer, body := i.ask(text); answer.StatusCode != 101 || answer.Header.Get("Sec-WebSocket-Protocol") != "" {
				t.Errorf("%s: %s %q", name, answer.Status, body)
			}
			c := i.dial()
			go func() {
				for n := range len(text) {
					if _, err := io.WriteString(c, text[n:n+1]); err != nil {
						return
					}
				}
			}()
			if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != 101 {
				t.Errorf("%s, byte by byte: %v, %v", name, answer, err)
			}
		})
	}
}

// Frames in the pieces in which libraries write them.
func TestFramesInPieces(t *testing.T) {
	request := masked(ws.OpText, `{"type":"ping","id":"1"}`)
	for name, cuts := range map[string][]int{
		"Crystal: one byte, and the rest":   {1},
		"gobwas: the header, and the rest":  {6},
		"within the length and the mask":    {1, 2, 4},
		"the last byte alone":               {len(request) - 1},
		"and the beginning of the next one": {len(request) + 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := onPipes(t, settings{}).ingestor()
			both, at := slices.Concat(request, request), 0
			for _, cut := range append(cuts, len(both)) {
				p.raw(both[at:cut])
				at = cut
				elapse(time.Millisecond)
			}
			for range 2 {
				if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong","id":"1"`) {
					t.Errorf("%s: %q, %v", name, text, err)
				}
			}
		})
	}
}

// A client whose kernel holds back the rest of a frame until its beginning is acknowledged must not
// wait for the delayed acknowledgement, which takes 40 ms.
func TestHalfAFrameIsAcknowledgedAtOnce(t *testing.T) {
	i := onTCP(t, settings{})
	p := i.ingestor()
	if err := p.Conn.(*net.TCPConn).SetNoDelay(false); err != nil { // as in Crystal, Pike and others
		t.Fatal(err)
	}
	request := masked(ws.OpText, `{"type":"ping","id":"1"}`)
	var took []time.Duration
	for range 60 { // a new connection is acknowledged at once for a while
		begin := time.Now()
		p.raw(request[:1])
		p.raw(request[1:])
		if _, _, err := p.next(); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	late := took[len(took)/2:]
	slices.Sort(late)
	if quarter := late[len(late)/4]; quarter > 25*time.Millisecond { // a busy machine delays some, the acknowledgement all
		t.Errorf("a request takes %v", quarter)
	}
}
