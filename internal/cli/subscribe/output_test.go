package subscribe

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/client"
)

func TestTemplates(t *testing.T) {
	now := time.UnixMilli(1710000000500)
	stamp := &client.Stamp{Epoch: "e.0", Seq: 7, At: now.Add(-250 * time.Millisecond)}
	price := client.PriceUpdate{Instrument: "A", Price: "1.10", TS: 5, Data: json.RawMessage(`{"size":1.50,"side":"buy"}`), Stamp: stamp}
	for _, c := range []struct {
		template string
		event    client.Event
		stamps   bool
		want     string
	}{
		{`{{.Instrument}} {{.Price}} {{.TS}} {{.Room}}`, price, false, "A 1.10 5 A\n"},
		{`{{.Field "size"}} {{.Field "side"}} [{{.Field "none"}}] {{.Data}}`, price, false, `1.50 buy [] {"size":1.50,"side":"buy"}` + "\n"},
		{`{{.Received.UnixMilli}}\t{{.Age}} {{.Seq}} {{.At.UnixMilli}}`, price, true, "1710000000500\t250ms 7 1710000000250\n"},
		{`{{if .Snapshot}}{{.Age}}{{else}}live\n{{end}}`, price, true, "live\n\n"},
		{`{{.Type}} {{.Room}}: {{.Text}}`, client.ChatMessage{Room: "r", Text: "a\x1b[31m"}, false, "message r: a\ufffd[31m\n"},
		{`{{.Type}} {{.Price}}`, client.Retired{Instrument: "A"}, false, "retired \n"},
		{`{{.Type}}`, client.Conflated{Room: "A", Skipped: 1}, false, ""},
	} {
		parsed, err := newTemplate(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if got := string(parsed.format(true)(c.event, now)); got != c.want || parsed.stamps != c.stamps {
			t.Errorf("%s: %q, stamps %v; want %q, %v", c.template, got, parsed.stamps, c.want, c.stamps)
		}
	}
	for _, wrong := range []string{"{{.Foo}}", "{{if .Snapshot}}{{else}}{{.Foo}}{{end}}", "{{", "{{template \"x\"}}", "{{.Price.X}}"} {
		if _, err := newTemplate(wrong); err == nil || strings.Contains(err.Error(), "subscribe.") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestPricesStandBelowEachOtherByTheirPoints(t *testing.T) {
	tab := newTable(false)
	for _, e := range []client.Event{
		client.PriceUpdate{Instrument: "BTC", Price: "60214.30", Stamp: &client.Stamp{Age: 1500 * time.Millisecond}},
		client.PriceUpdate{Instrument: "SHIB", Price: "-1.58E-7", Data: json.RawMessage(`{"a":1}`)},
		client.PriceUpdate{Instrument: "ROUND", Price: "100"},
		client.PriceUpdate{Instrument: "TINY", Price: "2e-7", Stamp: &client.Stamp{Age: 568 * time.Second}},
		client.NoSnapshot{Room: "NONE"},
	} {
		if !tab.take(e) {
			t.Errorf("%v is not for the table", e)
		}
	}
	want := `NONE       -  no last price is known
BTC    60214.30     1.50 s old
ROUND    100
SHIB      -1.58E-7  {"a":1}
TINY       2e-7     9m28s old
`
	if got := string(tab.lines([]string{"NONE", "BTC", "ROUND", "SHIB", "UNANSWERED", "TINY"})); got != want {
		t.Errorf("the table is\n%swant\n%s", got, want)
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIdle(time.Second)
		defer i.stop()
		begin := time.Now()
		time.Sleep(700 * time.Millisecond)
		i.heard()
		<-i.over()
		if i.is() {
			t.Errorf("over after %v, though something came after 700ms", time.Since(begin))
		}
		<-i.over()
		if !i.is() || time.Since(begin) != 1700*time.Millisecond {
			t.Errorf("over %v after the beginning, want 1.7s", time.Since(begin))
		}
	})
	if none := newIdle(0); none.over() != nil {
		t.Error("without a limit there is one")
	}
}

func TestLinesOfRaw(t *testing.T) {
	for text, want := range map[string]bool{
		`{"type":"price_update","instrument":"A","price":1,"ts":1}`: true,
		`{"type": "message","room":"A","data":"x"}`:                 true,
		`{"type":"retired","instrument":"A"}`:                       true,
		`{"type":"joined","room":"A"}`:                              false,
		`nonsense`:                                                  false,
	} {
		if isData([]byte(text)) != want {
			t.Errorf("%s counts: %v, want %v", text, !want, want)
		}
	}
}
