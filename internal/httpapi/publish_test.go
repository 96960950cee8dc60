package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/server"
	"backbone/protocol"
)

func TestWhatIsPublishedIsDelivered(t *testing.T) {
	t.Parallel()
	in := start(t)
	c, err := client.Dial(t.Context(), in.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(t.Context(), "BTC/USD"); err != nil {
		t.Fatal(err)
	}
	ask(t, in, "POST", "/v1/publish", `{"type":"price_update","instrument":"BTC/USD","price":60214.30,"ts":1710000000,"id":"x"}`).
		want(t, http.StatusOK, `{"type":"ack","id":"x"}`+"\n")
	for e := range c.Events() {
		if p, ok := e.(client.PriceUpdate); ok {
			if p.Instrument != "BTC/USD" || p.Price != "60214.30" || p.TS != 1710000000 || p.Snapshot {
				t.Errorf("got %+v", p)
			}
			return
		}
	}
}

func TestTheFormsOfABody(t *testing.T) {
	t.Parallel()
	in := start(t)
	a, bad := price("A", "1"), price("A", `"1"`)
	const ack, no = `{"type":"ack","index":`, `{"type":"error","code":"invalid_event","message":"price: must be a JSON number, got string","index":`
	ndjson := []string{"Content-Type", "application/x-ndjson; charset=utf-8"}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		want   string
	}{
		"one":                     {a, nil, 200, `{"type":"ack"}`},
		"one, in lines":           {strings.ReplaceAll(a, ",", ",\n"), nil, 200, `{"type":"ack"}`},
		"one bad":                 {bad, nil, 400, `{"type":"error","code":"invalid_event","message":"price: must be a JSON number, got string"}`},
		"array":                   {"[" + a + "," + a + "]", nil, 200, "[" + ack + "0}," + ack + "1}]"},
		"array of one":            {" [" + a + "]\n", nil, 200, "[" + ack + "0}]"},
		"array, one bad":          {"[" + bad + "," + a + "]", nil, 207, "[" + no + "0}," + ack + "1}]"},
		"array, all bad":          {"[" + bad + "," + bad + "]", nil, 400, "[" + no + "0}," + no + "1}]"},
		"array, cut":              {"[" + a + "," + a[:9], nil, 400, `{"type":"error","code":"invalid_json","message":"not valid JSON: unexpected end at byte 68; the last good element has index 0"}`},
		"lines":                   {a + "\n\r\n" + a + "\r\n", nil, 200, ack + "0}\n" + ack + "1}"},
		"lines, one bad":          {a + "\n" + bad, nil, 207, ack + "0}\n" + no + "1}"},
		"lines, one no JSON":      {a + "\n{\n" + a, nil, 207, ack + "0}\n" + `{"type":"error","code":"invalid_json","message":"not valid JSON: unexpected end at byte 1","index":1}` + "\n" + ack + "2}"},
		"lines, the first broken": {"{\n" + a, ndjson, 207, `{"type":"error","code":"invalid_json","message":"not valid JSON: unexpected end at byte 1","index":0}` + "\n" + ack + "1}"},
		"lines, one":              {a, ndjson, 200, ack + "0}"},
		"lines, none":             {"\n", ndjson, 400, `{"type":"error","code":"invalid_json","message":"must be one JSON object a line, got none"}`},
		"nothing":                 {"", nil, 400, `{"type":"error","code":"invalid_json","message":"not valid JSON: the message is empty"}`},
		"a number":                {"1", nil, 400, `"code":"invalid_json"`},
		"another role":            {`{"type":"join","room":"A"}`, nil, 403, `{"type":"error","code":"forbidden","message":"type: join is not for the role INGESTOR"}`},
		"a ping":                  {`{"type":"ping"}`, nil, 403, `"type: ping is for WebSockets only"`},
		"no UTF-8":                {"\xff", nil, 400, `"a message must be UTF-8"`},
		"too many":                {"[" + strings.Repeat("1,", 1024) + "1]", nil, 400, `{"type":"error","code":"invalid_event","message":"a request may have at most 1024 events"}`},
		"too long":                {`"` + strings.Repeat("x", protocol.MaxMessageBytes) + `"`, nil, 413, `"a message may have at most 65536 bytes"`},
		"packed":                  {a, []string{"Content-Encoding", "gzip"}, 415, `"code":"invalid_json"`},
	} {
		r := ask(t, in, "POST", "/v1/publish", c.body, c.header...)
		if r.status != c.status || !strings.Contains(r.body, c.want) || strings.HasPrefix(c.want, "{") && r.body != c.want+"\n" && c.want[len(c.want)-1] == '}' {
			t.Errorf("%s: %d %s\nwant %d %s", name, r.status, r.body, c.status, c.want)
		}
	}
	ask(t, in, "PUT", "/v1/publish", a).want(t, http.StatusMethodNotAllowed)
	ask(t, in, "POST", "/v1/price/A", a).want(t, http.StatusMethodNotAllowed)
	ask(t, in, "GET", "/v1/else", a).want(t, http.StatusNotFound)
}

// There is one protocol: what an event is answered does not depend on how it came.
func TestAnswersAreThoseOfTheWebSocket(t *testing.T) {
	t.Parallel()
	in := start(t)
	conn := dial(t, in)
	for _, body := range []string{
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"id":"1"}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"volume":5,"id":"2"}`,
		`{"type":"price_update","instrument":"A","price":1,"price":2,"ts":1,"id":"3"}`,
		`{"type":"price_update","instrument":" A","price":1,"ts":1,"id":"4"}`,
		`{"type":"price_update","instrument":"A","price":-1e999,"ts":1,"id":"5"}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1.5,"id":"6"}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"data":"x","id":"7"}`,
		`{"type":"price_update","price":1,"ts":1}`, `{"type":"Price_Update"}`, `{"type":"subscribe"}`, `{"type":1}`, `{}`, `[]`, `5`, `x`, `{"type":"leave","room":"A","id":"8"}`,
		`{"type":"message","room":"A","data":"x","id":"9"}`, `{"type":"retire","instrument":"A","id":"10"}`, `{"type":"retire","instrument":"A","price":1,"id":"11"}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"id":""}`, `{"type":"marked","n":1}`,
	} {
		if err := wsutil.WriteClientText(conn, []byte(body)); err != nil {
			t.Fatal(err)
		}
		over, err := wsutil.ReadServerText(conn)
		if err != nil {
			t.Fatal(err)
		}
		if r := ask(t, in, "POST", "/v1/publish", body); r.body != string(over)+"\n" {
			t.Errorf("%s\nover a WebSocket: %s\nover HTTP %d: %s", body, over, r.status, r.body)
		}
	}
}

// dial opens a WebSocket of an ingestor without the SDK, which sends only what is valid.
func dial(t *testing.T, in *server.Running) net.Conn {
	t.Helper()
	conn, _, _, err := ws.Dial(t.Context(), in.URL()+protocol.PathIngest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestInstrumentsBeyondTheLimit(t *testing.T) {
	t.Parallel()
	in := start(t, maxInstruments(2))
	all := make([]string, 3)
	for i := range all {
		all[i] = price("A"+strconv.Itoa(i), "1")
	}
	ask(t, in, "POST", "/v1/publish", "["+strings.Join(all, ",")+"]").want(t, http.StatusMultiStatus,
		`[{"type":"ack","index":0},{"type":"ack","index":1},{"type":"error","code":"too_many_instruments","message":"instrument: `, `"index":2}]`)
	r := ask(t, in, "POST", "/v1/publish", all[2])
	r.want(t, http.StatusTooManyRequests, `"code":"too_many_instruments"`)
	if r.header.Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
}

// A body that does not come is answered, and so is what of it came too late.
func TestABodyThatDoesNotComeIsAnswered(t *testing.T) {
	t.Parallel()
	in := start(t, func(c *config.Serve) { c.HandshakeTimeout = 200 * time.Millisecond })
	conn, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	reply{r.StatusCode, string(body), r.Header}.want(t, http.StatusRequestTimeout, `{"type":"error","code":"invalid_json","message":"the body did not come"}`)
	if err != nil {
		t.Error(err)
	}
}

// Bodies that cannot be read count as bad messages, like those that can.
func TestBodiesThatCannotBeReadAreCharged(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(in *server.Running) reply{
		"no UTF-8": func(in *server.Running) reply { return ask(t, in, "POST", "/v1/publish", "\xff") },
		"too long": func(in *server.Running) reply {
			return ask(t, in, "POST", "/v1/publish", strings.Repeat("x", protocol.MaxMessageBytes+1))
		},
		"packed": func(in *server.Running) reply {
			return ask(t, in, "POST", "/v1/publish", price("A", "1"), "Content-Encoding", "gzip")
		},
	} {
		in := start(t, func(c *config.Serve) { c.MaxBadMessages = 1 })
		if r := send(in); r.status == http.StatusTooManyRequests {
			t.Errorf("%s: the first is refused: %s", name, r.body)
		}
		r := send(in)
		r.want(t, http.StatusTooManyRequests, `"more than 1 bad messages in a minute"`)
		ask(t, in, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusOK)
	}
}
