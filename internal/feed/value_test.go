package feed

import (
	"strings"
	"testing"
)

func TestScalarsKeepTheirDigits(t *testing.T) {
	for text, want := range map[string]string{
		`68580.0`: "68580.0", `"0.08200000000000000000"`: "0.08200000000000000000", `1.58E-4`: "1.58E-4",
		`"a\u0041\""`: `aA"`, `""`: "", `null`: "", `{"v":1}`: "", `[1]`: "", `true`: "", `9007199254740993`: "9007199254740993",
	} {
		var m struct {
			V Scalar `json:"v"`
		}
		if err := Unmarshal([]byte(`{"v":`+text+`,"V":"other","v2":[{"v":3}]}`), &m); err != nil || m.V.Text() != want {
			t.Errorf("%s: %q, %v, want %q", text, m.V.Text(), err, want)
		}
		if m.V.IsTrue() != (text == "true") || m.V.IsFalse() || m.V.IsAbsent() {
			t.Errorf("%s: %+v", text, m.V)
		}
	}
	var none struct {
		V Scalar `json:"v"`
	}
	if err := Unmarshal([]byte(`{"V":1}`), &none); err != nil || !none.V.IsAbsent() {
		t.Errorf("%+v, %v: names match in their case", none, err)
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	for _, text := range []string{``, `{`, `{"v":1}x`, `{"v":"` + "\xff" + `"}`, `[]`, `7`} {
		var m struct {
			V Scalar `json:"v"`
		}
		if err := Unmarshal([]byte(text), &m); err == nil {
			t.Errorf("%q is read as %+v", text, m)
		} else if strings.Contains(err.Error(), "json") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%q: %v names the library", text, err)
		}
	}
}

func TestTimes(t *testing.T) {
	const want = 1_700_000_000_123
	for name, c := range map[string]struct {
		read func(Scalar) int64
		text string
		want int64
	}{
		"ms":                     {Scalar.Millis, "1700000000123", want},
		"ms with a fraction":     {Scalar.Millis, "1700000000123.987", want},
		"us":                     {Scalar.Micros, "1700000000123987", want},
		"ns":                     {Scalar.Nanos, "1700000000123987654", want},
		"ns, the largest":        {Scalar.Nanos, "9223372036854775807", 9223372036854},
		"seconds":                {Scalar.Seconds, "1700000000", 1_700_000_000_000},
		"RFC 3339, no fraction":  {Scalar.Time, "2023-11-14T22:13:20Z", 1_700_000_000_000},
		"RFC 3339, ms":           {Scalar.Time, "2023-11-14T22:13:20.123Z", want},
		"RFC 3339, us":           {Scalar.Time, "2023-11-14T22:13:20.123456Z", want},
		"RFC 3339, ns, east":     {Scalar.Time, "2023-11-14T23:13:20.123456789+01:00", want},
		"RFC 3339, zero of Go":   {Scalar.Time, "0001-01-01T00:00:00Z", 0},
		"RFC 3339, zero of Unix": {Scalar.Time, "1970-01-01T00:00:00Z", 0},
		"RFC 3339, a blank":      {Scalar.Time, "2023-11-14 22:13:20", 0},
		"absent":                 {Scalar.Millis, "", 0},
		"absent as RFC 3339":     {Scalar.Time, "", 0},
		"zero":                   {Scalar.Millis, "0", 0},
		"below zero":             {Scalar.Millis, "-5", 0},
		"an exponent":            {Scalar.Millis, "1.7e12", 0},
		"a word":                 {Scalar.Micros, "now", 0},
		"more than 64 bits":      {Scalar.Nanos, "99999999999999999999", 0},
		"seconds beyond all":     {Scalar.Seconds, "9223372036854775807", 0},
	} {
		if got := c.read(Scalar{text: c.text}); got != c.want {
			t.Errorf("%s: %s is %d, want %d", name, c.text, got, c.want)
		}
	}
}

func TestEventsHoldPricesToTheGrammar(t *testing.T) {
	for _, text := range []string{"0", "-3.5", "1E-8", "0.08200000000000000000", "68580.0"} {
		var out Events
		out.Price(Price{Symbol: "A", Text: text})
		if list := out.List(); len(list) != 1 || list[0].Kind != EventPrice || list[0].Price.Text != text {
			t.Errorf("%s: %+v", text, list)
		}
	}
	for _, text := range []string{"", "null", "NaN", "+1", ".5", "1.", "01", " 1", "1 ", "0x1", "1e999", "1e-999", "1_000", "1,5", string(make([]byte, 65))} {
		var out Events
		out.Snapshot(Price{Symbol: "A", Text: text})
		if list := out.List(); len(list) != 1 || list[0].Kind != EventDrop || list[0].Reason != BadPrice {
			t.Errorf("%q: %+v", text, list)
		}
	}
}

func TestAddress(t *testing.T) {
	const own = "wss://stream.example.com:9443/v5/spot"
	for other, want := range map[string]string{
		"":                        own,
		"ws://127.0.0.1:7":        "ws://127.0.0.1:7/v5/spot",
		"wss://eu.example.com/":   "wss://eu.example.com/v5/spot",
		"wss://eu.example.com/v6": "wss://eu.example.com/v6",
	} {
		if got, err := Address(own, other); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", other, got, err, want)
		}
	}
	for _, other := range []string{"http://x", "x", "ws://", "ws://a:b@x", "ws://x?y=1", "ws://x#y", "ws://[", "wss:x"} {
		if got, err := Address(own, other); err == nil {
			t.Errorf("%q is taken as %q", other, got)
		}
	}
}

func TestNames(t *testing.T) {
	if _, err := NewNames([]string{"a", "B", "A"}, func(string) string { return "a" }); err == nil {
		t.Error("one symbol is asked for twice")
	}
	n, err := NewNames([]string{"btcusdt"}, func(string) string { return "BTCUSDT" })
	if s, ok := n.Asked("BTCUSDT"); s != "btcusdt" || !ok || err != nil {
		t.Errorf("%q, %t, %v", s, ok, err)
	}
	if s, ok := n.Asked("btcusdt"); ok {
		t.Errorf("%q was never sent", s)
	}
}

// A batch that fails is asked for again, one by one, and then only what fails alone is rejected.
func TestABatchThatFailsIsDivided(t *testing.T) {
	r := NewRequests(func(id int, symbols []string) Frame { return JSON([]any{id, symbols}) })
	frames := r.Ask([]string{"A", "B", "C"}, 2)
	if len(frames) != 2 || string(frames[0].Data) != `[1,["A","B"]]` || string(frames[1].Data) != `[2,["C"]]` {
		t.Fatalf("%+v", frames)
	}
	answer := func(act func(id Scalar, out *Events), id string) []Event {
		var out Events
		act(Scalar{text: id}, &out)
		return out.List()
	}
	fail := func(id Scalar, out *Events) { r.Failed(id, "why", out) }
	if got := answer(fail, "1"); len(got) != 3 || string(got[1].Frame.Data) != `[3,["A"]]` || string(got[2].Frame.Data) != `[4,["B"]]` {
		t.Errorf("%+v", got)
	}
	if got := answer(fail, "3"); len(got) != 2 || got[1].Kind != EventReject || got[1].Symbol != "A" || got[1].Text != "why" {
		t.Errorf("%+v", got)
	}
	for id, symbol := range map[string]string{"4": "B", "2": "C"} {
		if got := answer(r.Granted, id); len(got) != 2 || got[1].Kind != EventAck || got[1].Symbol != symbol {
			t.Errorf("%+v", got)
		}
	}
	for _, id := range []string{"4", "99", "", "x"} { // answered before, or never asked
		if got := answer(r.Granted, id); len(got) != 1 {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"abcd": "abcd", "abcde": "abcd...", "abcä": "abc...", "ab€": "ab...", "😀": "😀", "a😀": "a...", "äää": "ää...", "\x80\x80\x80\x80\x80": "...",
	} {
		if got := ClipTo(text, 4); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}
