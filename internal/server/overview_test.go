package server_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/overview"
	"backbone/internal/redistest"
)

// ask sends a request to the admin address. into gets the body, if it is not nil.
func (in *instance) ask(method, path string, into any) (status int, body string) {
	in.t.Helper()
	req, err := http.NewRequestWithContext(in.t.Context(), method, "http://"+in.AdminAddr().String()+path, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		in.t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, string(text)
}

func (in *instance) metrics() string {
	in.t.Helper()
	_, text := in.ask("GET", "/metrics", nil)
	return text
}

// One event can be followed by hand: it has the same version, number and time on both instances.
func TestAnEventIsFoundOnEachInstance(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	there := b.consume("BTC_USDT", "BTC_EUR")
	ingestor := a.ingestor()
	for n := range 3 {
		if err := ingestor.PublishAck(t.Context(), price("BTC_USDT", n)); err != nil {
			t.Fatal(err)
		}
	}
	for e := range there.Events() {
		if u, ok := e.(client.PriceUpdate); ok && u.Price == price("BTC_USDT", 2).Price {
			break
		}
	}
	var here, other overview.Rooms
	a.ask("GET", "/rooms?prefix=BTC_&limit=5", &here)
	b.ask("GET", "/rooms?prefix=BTC_", &other)
	if here.Total != 1 || other.Total != 2 || len(here.Rooms) != 1 || len(other.Rooms) != 2 || other.Rooms[0].Room != "BTC_EUR" {
		t.Fatalf("a has %+v, b has %+v", here, other)
	}
	at, found := here.Rooms[0], other.Rooms[1]
	if at.Members != 0 || found.Members != 1 || found.Room != "BTC_USDT" || len(at.Values) != 1 || len(found.Values) != 1 {
		t.Fatalf("a has %+v, b has %+v", at, found)
	}
	v, w := at.Values[0], found.Values[0]
	if v.AgeMS = w.AgeMS; v != w || v.Seq != 3 || v.Version == "" || v.At == 0 || !strings.Contains(v.Payload, `"price"`) {
		t.Errorf("a has %+v, b has %+v", v, w)
	}
	var none overview.Rooms
	if a.ask("GET", "/rooms?prefix=nothing", &none); none.Total != 0 || none.Rooms == nil {
		t.Errorf("without rooms: %+v", none)
	}
}

func TestClientsAreListed(t *testing.T) {
	in := start(t, func(c *config.Serve) { c.InstanceName = "blue" })
	in.consume("A", "B", "C")
	in.consume("A")
	in.ingestor()
	var all, one overview.Clients
	in.ask("GET", "/clients?sort=rooms", &all)
	if all.Instance != "blue" || all.Total != 3 || len(all.Clients) != 3 || all.Clients[0].Rooms != 3 || all.Clients[0].Role != "CONSUMER" || all.Clients[0].Slow != "" {
		t.Errorf("got %+v", all)
	}
	in.ask("GET", "/clients?sort=queued&limit=1", &one)
	if one.Total != 3 || len(one.Clients) != 1 {
		t.Errorf("with a limit: %+v", one)
	}
	for path, want := range map[string]string{
		"/clients?sort=name":     "sort: must be one of age, queued, conflated, rooms",
		"/clients?limit=0":       "limit: must be a number from 1 to 10000",
		"/clients?limit=x":       "limit: must be",
		"/rooms?sort=age":        "sort: is unknown; this page knows prefix, limit",
		"/rooms?limit=1&limit=2": "limit: is there more than once",
	} {
		if status, body := in.ask("GET", path, nil); status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %q", path, status, body, want)
		}
	}
}

func TestRoomsWithoutLastPrices(t *testing.T) {
	in := start(t, func(c *config.Serve) { c.LastPriceTTL = 0 })
	in.consume("A", "B")
	in.consume("A")
	var rooms overview.Rooms
	in.ask("GET", "/rooms", &rooms)
	if rooms.Total != 2 || rooms.Rooms[0].Room != "A" || rooms.Rooms[0].Members != 2 || rooms.Rooms[1].Members != 1 {
		t.Errorf("got %+v", rooms)
	}
}

func TestDrainAtTheAdminAddress(t *testing.T) {
	in := start(t)
	c := in.consume("A")
	if status, body := in.ask("POST", "/reload", nil); status != http.StatusOK || !strings.Contains(body, `"files":[]`) {
		t.Errorf("reload: %d %s", status, body)
	}
	if status, body := in.ask("POST", "/drain", nil); status != http.StatusAccepted || !strings.Contains(body, `"status":"draining"`) {
		t.Errorf("drain: %d %s", status, body)
	}
	for e := range c.Events() {
		if _, ended := e.(client.Disconnected); ended {
			break
		}
	}
	if err := in.Err(); err != nil {
		t.Error(err)
	}
}

// counted is the count of a histogram.
func (in *instance) counted(name string) int {
	in.t.Helper()
	_, rest, _ := strings.Cut(in.metrics(), "\nbackbone_"+name+"_count ")
	text, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(text)
	if err != nil {
		in.t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestLatenciesAreMeasured(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	here, there := a.consume("A"), b.consume("A")
	ingestor := a.ingestor()
	const prices = 300
	for n := range prices { // each is a batch of its own
		if err := ingestor.PublishAck(t.Context(), price("A", n)); err != nil {
			t.Fatal(err)
		}
		for e := range here.Events() {
			if u, ok := e.(client.PriceUpdate); ok && u.Price == price("A", n).Price {
				break
			}
		}
	}
	for e := range there.Events() {
		if u, ok := e.(client.PriceUpdate); ok && u.Price == price("A", prices-1).Price {
			break
		}
	}
	if n := a.counted("ingest_to_write_seconds"); n < 3 || n > prices/32 {
		t.Errorf("%d of %d writes were measured, want one in 64", n, prices)
	}
	if n := b.counted("remote_lag_seconds"); n == 0 || a.counted("remote_lag_seconds") != 0 {
		t.Errorf("%d messages were measured on the other instance", n)
	}
}

// What counts for the limit of connections is in its gauge: WebSockets, and whoever sends a plain request.
func TestVisitorsCountAsConnections(t *testing.T) {
	in := start(t)
	defer in.consume("A").Close()
	visitor, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer visitor.Close()
	if _, err := io.WriteString(visitor, "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	used := func(n string) {
		t.Helper()
		for until := time.Now().Add(8 * time.Second); !strings.Contains(in.metrics(), `backbone_limit_used{limit="connections"} `+n+"\n"); {
			if time.Now().After(until) {
				t.Fatalf("never %s connections: %s", n, in.metrics())
			}
		}
	}
	used("2")
	visitor.Close()
	used("1")
}
