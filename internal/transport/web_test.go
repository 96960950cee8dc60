package transport

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func withWeb(h http.HandlerFunc) settings {
	return settings{change: func(o *Options) { o.Web = h }}
}

func TestOtherRequestsReachTheHandler(t *testing.T) {
	web := withWeb(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s from %s, %d bytes, %v, %s", r.Method, r.URL, r.RemoteAddr, len(body), err, r.Header.Get("X"))
	})
	long := strings.Repeat("body", 10_000)
	for request, want := range map[string]string{
		"GET /healthz?a=b HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n":                                                       "GET /healthz?a=b from 192.0.2.1:1234, 0 bytes, <nil>, y",
		"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody":                                               "POST /x from 192.0.2.1:1234, 4 bytes, <nil>, ",
		"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + long:                                        "POST /x from 192.0.2.1:1234, 40000 bytes, <nil>, ",
		"POST /ws HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n":                     "POST /ws from 192.0.2.1:1234, 2 bytes, <nil>, ",
		"GET /healthz HTTP/1.0\r\n\r\n":                                                                              "GET /healthz from 192.0.2.1:1234, 0 bytes, <nil>, ",
		"GET /" + strings.Repeat("x", 8000) + " HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("z", 8000) + "\r\n\r\n": "GET /" + strings.Repeat("x", 8000) + " from 192.0.2.1:1234, 0 bytes, <nil>, " + strings.Repeat("z", 8000),
	} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, web)
			answer, body := i.ask(request)
			if answer.StatusCode != 200 || body != want || !answer.Close {
				t.Errorf("%.100q was answered with %s, close %t, %.200q\nwant %.200q", request, answer.Status, answer.Close, body, want)
			}
		})
	}
}

func TestOneRequestAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, withWeb(func(http.ResponseWriter, *http.Request) {}))
		c := i.dial()
		twice := strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 2)
		go io.WriteString(c, twice)
		r := bufio.NewReader(c)
		if answer, err := http.ReadResponse(r, nil); err != nil || !answer.Close {
			t.Fatal(answer, err)
		}
		if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
			t.Errorf("more came: %q %v", rest, err)
		}
	})
}

func TestSlowBodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		i := onPipes(t, withWeb(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			failed <- err
		}))
		begin := time.Now()
		if _, err := io.WriteString(i.dial(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nbody"); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil {
			t.Error("a body that never came was read")
		}
		at(t, begin, handshakeTimeout)
	})
}
