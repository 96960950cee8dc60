package transport

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/auth"
	"backbone/protocol"
)

// keysOf are the keys in lines of a keys file.
func keysOf(t *testing.T, lines ...string) *auth.Keys {
	t.Helper()
	keys, _, err := auth.ParseKeys("keys", []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// ask sends a request and returns the answer, its body read.
func (i *instance) ask(request string) (*http.Response, string) {
	i.t.Helper()
	c := i.dial()
	go io.WriteString(c, request) // the answer can come before all of it is read
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		i.t.Fatalf("%.100q: %v", request, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return answer, string(body)
}

func TestHandshakes(t *testing.T) {
	keys := keysOf(t, "feed:sesame-open-up-now")
	edit := func(path string, pairs ...string) string {
		text := upgradeTo(path) + "\r\n"
		for n := 0; n < len(pairs); n += 2 {
			if !strings.Contains(text, pairs[n]) {
				t.Fatalf("nothing to replace: %q", pairs[n])
			}
			text = strings.Replace(text, pairs[n], pairs[n+1], 1)
		}
		return text
	}
	with := func(path string, headers ...string) string {
		return upgradeTo(path) + strings.Join(headers, "\r\n") + "\r\n\r\n"
	}
	const sub = "Sec-WebSocket-Protocol"
	for name, c := range map[string]struct {
		request string
		status  int
		headers map[string]string // "" for none
	}{
		"consumer": {with("/ws", "X: y"), 101, map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
			sub: "", "Sec-WebSocket-Extensions": "",
		}},
		"query":                 {with("/ws?token=/ws/ingest", "X: y"), 101, nil},
		"odd case of headers":   {edit("/ws", "Upgrade: websocket", "uPGRADE: WebSocket", "Connection: Upgrade", "CONNECTION: keep-alive, upgrade", "Host", "hOST"), 101, nil},
		"compression offered":   {with("/ws", "Sec-WebSocket-Extensions: permessage-deflate"), 101, map[string]string{"Sec-WebSocket-Extensions": ""}},
		"our protocol":          {with("/ws", sub+": backbone.v1"), 101, map[string]string{sub: "backbone.v1"}},
		"among others":          {with("/ws", sub+": chat, backbone.v2 ,backbone.v1, other"), 101, map[string]string{sub: "backbone.v1"}},
		"on two lines":          {with("/ws", sub+": chat", sub+": backbone.v1"), 101, map[string]string{sub: "backbone.v1"}},
		"only others":           {with("/ws", sub+": backbone.v2, BACKBONE.V1"), 101, map[string]string{sub: ""}},
		"protocols are garbage": {with("/ws", sub+": ,@,"), 400, nil},

		"key":            {with("/ws/ingest", "x-api-key: sesame-open-up-now"), 101, nil},
		"key and query":  {with("/ws/ingest?a=b", "X-API-Key: sesame-open-up-now"), 101, nil},
		"no key":         {with("/ws/ingest", "X: y"), 401, map[string]string{"Retry-After": ""}},
		"empty key":      {with("/ws/ingest", "X-API-Key:"), 401, nil},
		"wrong key":      {with("/ws/ingest", "X-API-Key: sesame-open-up-nox"), 401, nil},
		"key with name":  {with("/ws/ingest", "X-API-Key: feed:sesame-open-up-now"), 401, nil},
		"consumer's key": {with("/ws", "X-API-Key: wrong"), 101, nil},
		"bearer":         {with("/ws/ingest", "Authorization: bearer  sesame-open-up-now"), 101, nil},
		"wrong bearer":   {with("/ws/ingest", "Authorization: Bearer sesame-open-up-nox"), 401, map[string]string{"WWW-Authenticate": "Bearer"}},
		"basic":          {with("/ws/ingest", "Authorization: Basic sesame-open-up-now"), 401, nil},
		"basic beside":   {with("/ws/ingest", "Authorization: Basic YTpi", "X-API-Key: sesame-open-up-now"), 101, nil},
		"of a page":      {with("/ws/ingest", sub+": backbone.v1, bearer.sesame-open-up-now"), 101, map[string]string{sub: "backbone.v1"}},
		"bearer alone":   {with("/ws/ingest", sub+": bearer.sesame-open-up-now"), 101, map[string]string{sub: ""}},
		"twice the same": {with("/ws/ingest", sub+": bearer.sesame-open-up-now", "X-API-Key: sesame-open-up-now"), 101, nil},
		"two keys":       {with("/ws/ingest", "Authorization: Bearer other", "X-API-Key: sesame-open-up-now"), 400, nil},
		"two for a page": {with("/ws/ingest", sub+": bearer.sesame-open-up-now, bearer.x"), 400, nil},

		"same host":      {with("/ws", "Origin: https://backbone"), 101, nil},
		"listed origin":  {with("/ws", "Origin: https://app.example"), 101, nil},
		"other origin":   {with("/ws", "Origin: https://app.example.evil"), 403, map[string]string{"Retry-After": ""}},
		"null origin":    {with("/ws", "Origin: null"), 403, nil},
		"ingest, origin": {with("/ws/ingest", "Origin: https://evil.example", "X-API-Key: sesame-open-up-now"), 403, nil},

		"no upgrade":      {edit("/ws", "Upgrade: websocket\r\n", ""), 400, nil},
		"other upgrade":   {edit("/ws", "Upgrade: websocket", "Upgrade: h2c"), 400, nil},
		"no connection":   {edit("/ws", "Connection: Upgrade\r\n", ""), 400, nil},
		"kept alive":      {edit("/ws", "Connection: Upgrade", "Connection: keep-alive"), 400, nil},
		"no version":      {edit("/ws", "Sec-WebSocket-Version: 13\r\n", ""), 400, nil},
		"older version":   {edit("/ws", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 426, map[string]string{"Sec-WebSocket-Version": "13"}},
		"no nonce":        {edit("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, nil},
		"short nonce":     {edit("/ws", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400, nil},
		"no host":         {edit("/ws", "Host: backbone\r\n", ""), 400, nil},
		"HTTP/1.0":        {edit("/ws", "HTTP/1.1", "HTTP/1.0"), 505, nil},
		"HTTP/2.0":        {edit("/ws", "HTTP/1.1", "HTTP/2.0"), 505, nil},
		"not a header":    {with("/ws", "no colon"), 400, nil},
		"no HTTP version": {edit("/ws", " HTTP/1.1", ""), 400, nil},

		"POST":              {edit("/ws", "GET", "POST"), 404, nil},
		"lower case method": {edit("/ws", "GET", "get"), 404, nil},
		"unknown path":      {with("/wss", "X: y"), 404, nil},
		"path below":        {with("/ws/", "X: y"), 404, nil},
		"root":              {"GET / HTTP/1.1\r\nHost: backbone\r\n\r\n", 404, nil},
		"garbage":           {"\x16\x03\x01 what is this\r\n\r\n", 400, nil},

		"head of 16 KiB":        {withHead("/ws", maxHead), 101, nil},
		"longer head":           {withHead("/ws", maxHead+1), 431, nil},
		"much longer head":      {withHead("/ws", 10*maxHead), 431, nil},
		"longer head elsewhere": {withHead("/", maxHead+1), 431, nil},
		"head without end":      {withHead("/ws", maxHead+4)[:maxHead+1], 431, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := onPipes(t, settings{change: func(o *Options) {
					o.Access, o.Origins = auth.New(auth.Options{Ingest: keys}), auth.NewOrigins([]string{"https://app.example"})
				}})
				answer, body := i.ask(c.request)
				if answer.StatusCode != c.status {
					t.Fatalf("answered with %s %q, want %d", answer.Status, body, c.status)
				}
				for k, want := range c.headers {
					if got := answer.Header.Get(k); got != want {
						t.Errorf("%s: %q, want %q", k, got, want)
					}
				}
				if c.status == 101 {
					return
				}
				if strings.TrimSpace(body) == "" {
					t.Error("refused without a word")
				}
				synctest.Wait()
				if n := i.counts()["connections_accepted_total"]; n != 0 {
					t.Error("refused and accepted")
				}
			})
		})
	}
}

// withHead is a correct handshake whose head has n bytes.
func withHead(path string, n int) string {
	start := upgradeTo(path) + "X: "
	return start + strings.Repeat("x", n-len(start)-4) + "\r\n\r\n"
}

func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		i.ask(strings.Replace(upgradeTo("/ws"), "13", "8", 1) + "\r\n")
		i.ask(strings.Replace(upgradeTo("/ws"), "websocket", "h2c", 1) + "\r\n")
		i.dial().Close()
		i.consumer()
		i.ask("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		s := i.counts()
		if s["handshakes_refused_total 426"] != 1 || s["handshakes_refused_total 400"] != 1 || s["handshakes_unfinished_total gone"] != 1 || s["connections_accepted_total"] != 1 {
			t.Errorf("%v", s)
		}
	})
}

func TestSlowHandshakesEnd(t *testing.T) {
	for name, start := range map[string]string{"silent": "", "half a head": upgradeTo("/ws"), "a word": "GE"} {
		synctest.Test(t, func(t *testing.T) {
			i := onPipes(t, settings{})
			c, begin := i.dial(), time.Now()
			if _, err := io.WriteString(c, start); err != nil {
				t.Fatal(err)
			}
			var failed error
			for failed == nil { // a byte now and then does not help
				elapse(time.Second)
				_, failed = io.WriteString(c, "x")
			}
			if d := time.Since(begin); d != handshakeTimeout {
				t.Errorf("%s: closed after %v", name, d)
			}
			if n := i.counts()["handshakes_unfinished_total timeout"]; n != 1 {
				t.Errorf("%s: counted %d times", name, n)
			}
		})
	}
}

// A peer that does not read the answer to its handshake is not waited for either.
func TestUnreadAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxConnections = 1 }})
		c := i.dial()
		if _, err := io.WriteString(c, upgradeTo("/ws")+"\r\n"); err != nil {
			t.Fatal(err)
		}
		elapse(handshakeTimeout + lingerTimeout)
		if s := i.counts(); s["connections_accepted_total"] != 0 || s["handshakes_refused_total other"] != 1 {
			t.Errorf("%+v", s)
		}
		i.consumer() // its place is free again
	})
}

func TestRequestsSentWithTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		join := masked(1, `{"type":"join","room":"A"}`)
		p := i.connect(protocol.PathConsume, append(join, join[:9]...)...)
		p.hears(`{"type":"joined","room":"A"}`)
		p.raw(join[9:])
		p.hears(`{"type":"joined","room":"A"}`)
		p = i.connect(protocol.PathIngest, masked(1, `{"type":"join","room":"A"}`)...)
		p.hears(`{"type":"error","code":"forbidden","message":"type: join is not for the role INGESTOR"}`)
		p = i.connect(protocol.PathConsume, masked(2, "x")...)
		p.closed(protocol.CloseUnsupportedData)
		p = i.connect(protocol.PathConsume, masked(8, "")...)
		p.closed(protocol.CloseNormal)
	})
}
