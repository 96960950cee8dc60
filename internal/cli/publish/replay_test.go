package publish

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/domain/common"
)

func TestTheClockOfAReplay(t *testing.T) {
	at := func(ms int64) position { return position{received: time.UnixMilli(ms)} }
	ts := func(ts int64) client.PriceUpdate { return client.PriceUpdate{TS: ts} }
	c := clock{unit: "s", speed: 2}
	for i, step := range []struct {
		event client.PriceUpdate
		where position
		want  time.Duration
	}{
		{ts(0), at(1000), 0},
		{ts(0), at(1500), 250 * time.Millisecond},
		{ts(0), at(1100), 0}, // earlier: at once, and the next is due after the latest
		{ts(0), at(1600), 50 * time.Millisecond},
		{ts(100), position{}, 0}, // another clock
		{ts(103), position{}, 1500 * time.Millisecond},
		{ts(100), position{round: 1}, 0},
		{ts(101), position{round: 1}, 500 * time.Millisecond},
		{ts(1 << 50), position{round: 1}, 1 << 62},
	} {
		if got := c.gap(step.event, step.where); got != step.want {
			t.Errorf("step %d: %v, want %v", i+1, got, step.want)
		}
	}
	for unit, ts := range map[string]int64{"s": 2, "ms": 2e3, "us": 2e6, "ns": 2e9} {
		if !timeOf(ts, unit).Equal(time.Unix(2, 0)) {
			t.Errorf("%d %s is %v", ts, unit, timeOf(ts, unit))
		}
	}
}

// Only a line of a recording may have the keys of one.
func TestLinesOfARecording(t *testing.T) {
	r := newEventReader(strings.NewReader(`{"received":5,"event":{"type":"price_update","instrument":"A","price":1.0,"ts":1,"snapshot":true,"epoch":"e","seq":1,"at":2,"age_ms":3}}
{"received":6,"event":{"type":"status","bridge":"ok","since":1}}
{"type":"price_update","instrument":"B","price":2,"ts":1,"snapshot":true,"received":7}
{"type":"price_update","instrument":"C","price":3,"ts":1,"snapshot":true}
{"received":"8","event":{}}
{"received":9,"event":{"type":"price_update","instrument":"D","price":4,"ts":1,"volume":1}}
{"received":9,"event":7}
{"type":"price_update","instrument":"E","price":5,"ts":1,"data":{"received":1}}
`))
	var got []string
	for {
		u, err := r.next()
		if err != nil && r.line >= 8 {
			break
		}
		if err != nil {
			got = append(got, err.Error()[:len("line 5: unknown_field")])
			continue
		}
		got = append(got, u.Instrument+" "+string(u.Price)+r.at().received.UTC().Format(" .000"))
	}
	want := "A 1.0 .005,B 2 .007,line 4: unknown_field,line 5: unknown_field,line 6: unknown_field,line 7: invalid_json:,E 5 .000"
	if s := strings.Join(got, ","); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if p := r.at(); p.passed != 1 || p.line != 8 {
		t.Errorf("at %+v", p)
	}
}

func TestProgress(t *testing.T) {
	p := progress{total: 1000}
	p.reach(500, position{bytes: 250})
	if got, want := p.line(2*time.Second), "[#####---------------]  25%  500 sent  250/s  0:06 left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.reach(1500, position{bytes: 500, round: 1})
	if got, want := p.line(3*time.Second), "[##########----------]  50%  1,500 sent  1,000/s  0:01 left  round 2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	endless := progress{}
	endless.reach(10, position{bytes: 9})
	if got, want := endless.line(time.Second), "10 sent  10/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := clockTime(3723 * time.Second); got != "1:02:03" {
		t.Error(got)
	}
}

// Where the SDK's rules and the server's differ in their words, the server's are told.
func TestTheVerdictIsTheServers(t *testing.T) {
	decoder := common.NewDecoder()
	for want, u := range map[string]client.PriceUpdate{
		"": {Instrument: "A", Price: "1.10", TS: 1, Data: []byte(`{"a":1}`)},
		"instrument: must not begin or end with a blank, got \" A\"":            {Instrument: " A", Price: "1"},
		"price: must be finite as a float64, got -1e999":                        {Instrument: "A", Price: "-1e999"},
		"ts: must be an integer from 0 to 2^63-1, without fraction or exponent": {Instrument: "A", Price: "1", TS: -1},
		"data: must have at most 4096 bytes, got 5008":                          {Instrument: "A", Price: "1", Data: []byte(`{"a":"` + strings.Repeat("x", 5000) + `"}`)},
	} {
		got := ""
		if err := verdict(decoder, u); err != nil {
			got = err.Message
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", u.Instrument, got, want)
		}
	}
}

// Without a terminal nothing is shown.
func TestNoStatusLineWithoutATerminal(t *testing.T) {
	var said bytes.Buffer
	status, s := cli.NewStatusLine(cli.Streams{Err: &said})
	status.Show("50%")
	status.Clear()
	if s.Say("one"); status != nil || said.String() != "one\n" {
		t.Errorf("said %q", &said)
	}
}
