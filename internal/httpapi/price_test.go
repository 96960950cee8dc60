package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/overview"
	"backbone/internal/redistest"
	"backbone/protocol"
)

func TestAPriceIsWhatAJoinerGets(t *testing.T) {
	t.Parallel()
	in := start(t)
	const none = `{"type":"error","code":"no_price","message":"instrument: no last price of BTC/USD is known here"}` + "\n"
	if r := ask(t, in, "GET", "/v1/price/BTC%2FUSD", ""); r.status != http.StatusNotFound || r.body != none {
		t.Errorf("before a price: %+v", r)
	}
	ask(t, in, "POST", "/v1/publish", `{"type":"price_update","instrument":"BTC/USD","price":1.10,"ts":7,"data":{"a":1}}`).want(t, http.StatusOK)
	ask(t, in, "POST", "/v1/publish", price("币安人生 X", "5e1")).want(t, http.StatusOK)
	for _, path := range []string{"/v1/price/BTC%2FUSD", "/v1/price/BTC/USD"} { // a proxy may undo the escape
		r := ask(t, in, "GET", path, "")
		r.want(t, http.StatusOK, `{"type":"price_update","instrument":"BTC/USD","price":1.10,"ts":7,"data":{"a":1},"epoch":"`, `"seq":1,"at":1`, `,"snapshot":true,"feed":"live"}`+"\n")
		for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff"} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	ask(t, in, "GET", "/v1/price/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F%20X", "").want(t, http.StatusOK, `"price":5e1`)
	ask(t, in, "POST", "/v1/publish", `{"type":"retire","instrument":"BTC/USD"}`).want(t, http.StatusOK)
	if r := ask(t, in, "GET", "/v1/price/BTC%2FUSD", ""); r.body != none {
		t.Errorf("after its end: %+v", r)
	}
	for path, code := range map[string]string{
		"/v1/price/%20A": "invalid_room", "/v1/price/A%0A": "invalid_room", "/v1/price/%FF": "invalid_room", "/v1/price/" + strings.Repeat("A", 129): "invalid_room",
		"/v1/price/A?silent_after_ms=50": "invalid_event", "/v1/price/A?silent_after_ms=1000&silent_after_ms=2000": "invalid_event", "/v1/price/A?x=1": "unknown_field",
	} {
		ask(t, in, "GET", path, "").want(t, http.StatusBadRequest, `"code":"`+code+`"`)
	}
	resp, err := http.Get("http://" + in.AdminAddr().String() + "/rooms") //nolint:noctx // the server answers or its test fails
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var rooms overview.Rooms
	if err := json.NewDecoder(resp.Body).Decode(&rooms); err != nil {
		t.Fatal(err)
	}
	for _, room := range rooms.Rooms {
		if room.Members != 0 {
			t.Errorf("%s still has members", room.Room)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAPriceGrowsOldAndSilent(t *testing.T) {
	t.Parallel()
	const ttl, silent = 2500, 1000 // ms
	in := start(t, func(c *config.Serve) { c.LastPriceTTL = ttl * time.Millisecond })
	ask(t, in, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusOK)
	seen := map[string]bool{}
	for late := time.Now().Add(20 * time.Second); !seen["gone"]; {
		asked := time.Now()
		r := ask(t, in, "GET", "/v1/price/A?silent_after_ms="+strconv.Itoa(silent), "")
		took := time.Since(asked).Milliseconds() + 1 // the price is looked up, its age told and the silence noticed at three moments of it
		var m protocol.ServerMessage
		if err := json.Unmarshal([]byte(r.body), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case r.status == http.StatusNotFound:
			seen["gone"] = true
		case m.AgeMS == nil || *m.AgeMS >= ttl+took:
			t.Errorf("in %d ms: %s", took, r.body)
		case m.Feed == protocol.FeedSilent && *m.AgeMS < silent-took, m.Feed == protocol.FeedLive && *m.AgeMS > silent+took:
			t.Errorf("in %d ms: %s", took, r.body)
		default:
			seen[m.Feed] = true
		}
		if time.Now().After(late) {
			t.Fatal("the price does not grow old")
		}
	}
	if !seen[protocol.FeedLive] || !seen[protocol.FeedSilent] {
		t.Errorf("seen: %v", seen)
	}
	off := start(t, func(c *config.Serve) { c.LastPriceTTL = 0 })
	ask(t, off, "POST", "/v1/publish", price("A", "1")).want(t, http.StatusOK)
	ask(t, off, "GET", "/v1/price/A", "").want(t, http.StatusNotFound, "this server keeps no last prices")
}

// A price of another instance is read as a join reads it, also while prices come.
func TestAPriceOfAnotherInstance(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t).URL()
	there := start(t, func(c *config.Serve) { c.RedisURL = redis })
	for range 2 {
		ask(t, there, "POST", "/v1/publish", price("A", "1.50")).want(t, http.StatusOK)
	}
	late := start(t, func(c *config.Serve) { c.RedisURL = redis })
	until := time.Now().Add(10 * time.Second)
	var r reply
	for r.status != http.StatusOK || !strings.Contains(r.body, `"bridge":"ok"`) { // Redis may not have it yet
		if r = ask(t, late, "GET", "/v1/price/A", ""); time.Now().After(until) {
			t.Fatalf("not found: %s", r.body)
		}
	}
	r.want(t, http.StatusOK, `"price":1.50`, `"seq":2`, `"bridge":"ok"}`)
	again := ask(t, there, "GET", "/v1/price/A", "")
	cut := func(r reply) string { text, _, _ := strings.Cut(r.body, `,"age_ms"`); return text }
	if cut(r) != cut(again) {
		t.Errorf("one price, two texts:\n%s%s", r.body, again.body)
	}
}

// What an ingestor publishes meanwhile is never older than what was answered before.
func TestPricesWhileOthersPublish(t *testing.T) {
	t.Parallel()
	in := start(t)
	p, err := client.DialIngestor(t.Context(), in.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for n := int64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if p.PublishAck(t.Context(), client.PriceUpdate{Instrument: "A", Price: "1", TS: n}) != nil {
				return
			}
		}
	}()
	before := uint64(0)
	for n := 0; n < 50; {
		r := ask(t, in, "GET", "/v1/price/A", "")
		if r.status == http.StatusNotFound && before == 0 {
			continue
		}
		var m protocol.ServerMessage
		if err := json.Unmarshal([]byte(r.body), &m); err != nil || m.Seq < before || !m.Snapshot || m.AgeMS == nil {
			t.Errorf("after %d came %s", before, r.body)
		}
		before = m.Seq
		n++
	}
	close(stop)
	<-done
}
