package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/logtest"
	"backbone/internal/rates"
	"backbone/internal/server/servertest"
)

func maxInstruments(n int) func(*config.Serve) {
	return func(c *config.Serve) { c.MaxInstrumentsPerKey = n }
}

func TestKeys(t *testing.T) {
	t.Parallel()
	in := start(t, withKeys(t))
	bearer := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	publish := func(body string, header ...string) reply {
		t.Helper()
		return ask(t, in, "POST", "/v1/publish", body, header...)
	}
	r := publish(price("BTC", "1"))
	r.want(t, http.StatusUnauthorized, `{"type":"error","code":"unauthorized","message":"a valid key is required"}`)
	if r.header.Get("WWW-Authenticate") != "Bearer" {
		t.Error("no WWW-Authenticate")
	}
	publish(price("BTC", "1"), bearer(readKey)...).want(t, http.StatusUnauthorized)
	publish(price("BTC", "1"), bearer(feedKey)...).want(t, http.StatusOK)
	publish(price("BTC", "1"), "X-API-Key", feedKey).want(t, http.StatusOK)
	publish(price("BTC", "1"), "X-API-Key", feedKey, "Authorization", "Bearer "+otherKey).want(t, http.StatusBadRequest, "hold different credentials")
	publish(price("ETH", "1"), bearer(feedKey)...).want(t, http.StatusForbidden, `{"type":"error","code":"forbidden","message":"instrument: the credentials of this connection do not allow ETH"}`)
	publish("["+price("BTC", "1")+","+price("ETH", "1")+"]", bearer(feedKey)...).want(t, http.StatusMultiStatus, `{"type":"ack","index":0}`, `"index":1}]`)
	ask(t, in, "GET", "/v1/price/BTC", "").want(t, http.StatusUnauthorized)
	ask(t, in, "GET", "/v1/price/BTC", "", bearer(feedKey)...).want(t, http.StatusUnauthorized)
	ask(t, in, "GET", "/v1/price/BTC", "", bearer(readKey)...).want(t, http.StatusOK)
	ask(t, in, "GET", "/v1/price/ETH", "", bearer(readKey)...).want(t, http.StatusForbidden, "do not allow ETH")
}

// A page of another origin can neither publish nor read a price.
func TestPages(t *testing.T) {
	t.Parallel()
	in := start(t, func(c *config.Serve) { c.AllowedOrigins = []string{"https://app.example"} })
	for _, c := range []struct {
		header []string
		status int
		shown  string
	}{
		{[]string{"Origin", "https://evil.example"}, http.StatusForbidden, ""},
		{[]string{"Origin", "null"}, http.StatusForbidden, ""},
		{[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden, ""},
		{[]string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden, ""},
		{[]string{"Sec-Fetch-Site", "same-origin"}, http.StatusOK, ""},
		{[]string{"Sec-Fetch-Site", "none"}, http.StatusOK, ""},
		{[]string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, http.StatusOK, "https://app.example"},
		{[]string{"Origin", "http://" + in.Addr().String()}, http.StatusOK, "http://" + in.Addr().String()},
	} {
		for _, r := range []reply{ask(t, in, "POST", "/v1/publish", price("A", "1"), c.header...), ask(t, in, "GET", "/v1/price/A", "", c.header...)} {
			if c.status == http.StatusForbidden && r.status == c.status {
				r.want(t, c.status, "this origin is not allowed")
			} else if r.status != c.status {
				t.Errorf("%v: %d %s", c.header, r.status, r.body)
			}
			if got := r.header.Get("Access-Control-Allow-Origin"); got != c.shown {
				t.Errorf("%v: shown to %q", c.header, got)
			}
		}
	}
	for origin, want := range map[string]string{"https://app.example": "GET, POST", "https://evil.example": ""} {
		r := ask(t, in, "OPTIONS", "/v1/publish", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if got := r.header.Get("Access-Control-Allow-Methods"); r.status != http.StatusNoContent || got != want {
			t.Errorf("%s may send %q", origin, got)
		}
	}
}

// A page whose name was made to resolve to this machine is of the server's own origin, for the browser.
func TestPagesOfAStrangersName(t *testing.T) {
	t.Parallel()
	plain, keys := func(*config.Serve) {}, withKeys(t)
	for name, c := range map[string]struct {
		change              func(*config.Serve)
		host, origin        string // origin "": that of a page by http
		page, get, consumer int
	}{
		"a stranger's":   {plain, "evil.example", "", 403, 403, 403},
		"by address":     {plain, "127.0.0.1", "", 200, 200, 101},
		"localhost":      {plain, "localhost", "", 200, 200, 101},
		"TLS in front":   {plain, "app.example", "https://app.example", 200, 403, 101},
		"a listed page":  {func(c *config.Serve) { c.AllowedOrigins = []string{"https://app.example"} }, "backbone.example", "https://app.example", 200, 403, 101},
		"a listed name":  {func(c *config.Serve) { c.AllowedOrigins = []string{"http://app.example"} }, "app.example", "", 200, 200, 101},
		"all pages":      {func(c *config.Serve) { c.AllowedOrigins = []string{"*"} }, "evil.example", "", 200, 200, 101},
		"behind a proxy": {func(c *config.Serve) { c.TrustedProxies = []string{"127.0.0.1"} }, "app.example", "", 200, 200, 101},
		"other machines": {func(c *config.Serve) { c.Listen, c.InsecureNoAuth = "0.0.0.0:0", true }, "app.example", "", 200, 200, 101},
		"with keys":      {keys, "evil.example", "", 401, 401, 401},
	} {
		in := start(t, c.change)
		_, port, err := net.SplitHostPort(in.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		host := c.host + ":" + port
		send := func(method, path string, headers ...string) (status int, body string) {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			text := ""
			if method == "POST" {
				text = price("BTC", "1")
			}
			_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n\r\n%s", method, path, host, len(text), strings.Join(headers, "\r\n"), text)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != http.StatusSwitchingProtocols {
				all, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				body = string(all)
			}
			return r.StatusCode, body
		}
		origin := c.origin
		switch origin {
		case "":
			origin = "http://" + host
		case "https://" + c.host:
			host = c.host
		}
		check := func(what string, want int, method, path string, headers ...string) {
			t.Helper()
			status, body := send(method, path, headers...)
			if status != want || status == 403 && !strings.Contains(body, "not served as") || strings.Count(body, "\n") > 1 {
				t.Errorf("%s: %s is answered %d %s", name, what, status, body)
			}
		}
		upgrade := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
		check("a page that publishes", c.page, "POST", "/v1/publish", "Origin: "+origin)
		check("a page that asks for a price", c.get, "GET", "/v1/price/BTC", "Accept: */*")
		check("a page that listens", c.consumer, "GET", "/ws", append(upgrade, "Origin: "+origin)...)
		if name != "with keys" { // programs say no origin
			check("a program that publishes", 200, "POST", "/v1/publish", "Accept: */*")
			check("a program that listens", 101, "GET", "/ws", upgrade...)
		}
	}
}

func TestRatesOutliveAConnection(t *testing.T) {
	t.Parallel()
	in := start(t, withKeys(t), func(c *config.Serve) {
		c.MaxIngestRate, c.MaxMessageRate = rates.Rate{PerSecond: 1, Burst: 2}, rates.Rate{PerSecond: 1, Burst: 1}
	})
	three := "[" + strings.Repeat(price("BTC", "1")+",", 9) + price("BTC", "1") + "]"
	feed := []string{"X-API-Key", feedKey}
	ask(t, in, "POST", "/v1/publish", three, feed...).want(t, http.StatusOK) // more than the burst: the next one pays
	r := ask(t, in, "POST", "/v1/publish", price("BTC", "1"), feed...)
	r.want(t, http.StatusTooManyRequests, `{"type":"error","code":"rate_limited","message":"more than 1 events a second"}`)
	if after := r.header.Get("Retry-After"); after != "9" && after != "8" {
		t.Errorf("Retry-After: %s", after)
	}
	ask(t, in, "POST", "/v1/publish", price("BTC", "1"), "X-API-Key", otherKey).want(t, http.StatusOK) // of another key
	ask(t, in, "GET", "/v1/price/BTC", "", "X-API-Key", readKey).want(t, http.StatusOK)
	ask(t, in, "GET", "/v1/price/BTC", "", "X-API-Key", readKey).want(t, http.StatusTooManyRequests, "more than 1 messages a second")
}

func TestLimitsOfConnections(t *testing.T) {
	t.Parallel()
	in := start(t, func(c *config.Serve) { c.MaxConnections = 1 })
	ask(t, in, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusOK)
	until := time.Now().Add(10 * time.Second)
	for ask(t, in, "POST", "/v1/publish", price("A", "1")).status != http.StatusOK { // the one before may not be gone yet
		if time.Now().After(until) {
			t.Fatal("a connection that is over still counts")
		}
	}
	var c *client.Conn
	for err := error(nil); c == nil; c, err = client.Dial(t.Context(), in.URL(), nil) {
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	defer c.Close()
	r := ask(t, in, "GET", "/v1/price/A", "")
	r.want(t, http.StatusServiceUnavailable, `{"type":"error","code":"unavailable","message":"the server has as many connections as it may"}`)
	if r.header.Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
	ask(t, in, "GET", "/readyz", "").want(t, http.StatusOK)
}

func TestAnEdgeNamesWhoTakesEvents(t *testing.T) {
	t.Parallel()
	core := start(t)
	edge := start(t, func(c *config.Serve) { c.Upstream = []string{core.URL()} })
	ask(t, edge, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusForbidden, `"code":"forbidden"`, "takes no events: publish to "+core.URL())
	ask(t, core, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusOK)
	until := time.Now().Add(10 * time.Second)
	for ask(t, edge, "GET", "/v1/price/A", "").status != http.StatusOK {
		if time.Now().After(until) {
			t.Fatal("the edge does not know the price")
		}
	}
}

func TestAStopRefuses(t *testing.T) {
	t.Parallel()
	in := start(t, func(c *config.Serve) { c.DrainWindow, c.DrainTimeout = time.Minute, time.Minute })
	c, err := client.Dial(t.Context(), in.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error)
	go func() { stopped <- in.Stop() }()
	until := time.Now().Add(10 * time.Second)
	for {
		r := ask(t, in, "POST", "/v1/publish", price("A", "1"), "Connection", "close") // a stop ends connections that are idle
		if r.status == http.StatusServiceUnavailable {
			r.want(t, r.status, `{"type":"error","code":"unavailable","message":"the server is stopping"}`)
			break
		}
		if time.Now().After(until) {
			t.Fatal("it goes on")
		}
	}
	c.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// Whoever sends one request after the other from one place is one producer, which takes turns with nobody.
// Two places are two, told apart by what a trusted proxy says.
func TestOneSenderIsOneProducer(t *testing.T) {
	t.Parallel()
	log := new(logtest.Log)
	in := servertest.StartLogged(t, slog.New(slog.NewTextHandler(log, nil)), func(c *config.Serve) { c.TrustedProxies = []string{"127.0.0.1"} }, maxInstruments(2))
	from := func(address string) []string { return []string{"X-Forwarded-For", address} }
	for until := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "two producers publish one instrument"); {
		ask(t, in, "POST", "/v1/publish", price("A", "1"), from("192.0.2.1")...).want(t, http.StatusOK)
		ask(t, in, "POST", "/v1/publish", "["+price("A", "1")+","+price("OWN", "1")+"]", from("192.0.2.2")...).want(t, http.StatusOK)
		if time.Now().After(until) {
			t.Fatal("nothing is told of two producers")
		}
	}
	if text := log.String(); !strings.Contains(text, "instrument=A") || !strings.Contains(text, "192.0.2.1") || !strings.Contains(text, "192.0.2.2") || !strings.Contains(text, "instruments=1") {
		t.Error(text)
	}
	ask(t, in, "POST", "/v1/publish", price("B", "1"), from("192.0.2.1")...).want(t, http.StatusOK)
	ask(t, in, "POST", "/v1/publish", price("C", "1"), from("192.0.2.1")...).want(t, http.StatusTooManyRequests)
	ask(t, in, "POST", "/v1/publish", price("C", "1"), from("192.0.2.3")...).want(t, http.StatusOK)
	ask(t, in, "POST", "/v1/publish", price("C", "1"), "X-Forwarded-For", "192.0.2.4", "Origin", "https://evil.example").want(t, http.StatusForbidden)
	if text := log.String(); !strings.Contains(text, "request refused") || !strings.Contains(text, "192.0.2.4") || !strings.Contains(text, "https://evil.example") {
		t.Errorf("the log does not tell: %s", text)
	}
}
