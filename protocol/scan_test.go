package protocol

import (
	"encoding/json"
	"testing"
)

func TestNumberLen(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "-": 0, "a": 0, "0": 1, "-0": 2, "00": 0, "01": 0, "10,": 2, "1.": 0, "1.5": 3, ".5": 0,
		"1e": 0, "1e5": 3, "1E+05": 5, "1e-": 0, "1.0e1.0": 5, "+1": 0,
	} {
		if got := numberLen(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
		if got := ValidNumber(s); got != (want > 0 && want == len(s)) {
			t.Errorf("%q: valid %v", s, got)
		}
	}
}

func TestDepth(t *testing.T) {
	for s, want := range map[string]int{
		`1`: 0, `"{["`: 0, `{}`: 1, `{"a":[]}`: 2, `{"a":"\\\"{","b":{"c":1},"d":[[]]}`: 3,
	} {
		if got := Depth(s); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}

// What AppendPriceUpdate and MarkSnapshot write, ScanPriceUpdate and encoding/json read
// alike.
func TestScanPriceUpdate(t *testing.T) {
	for _, data := range []string{``, `{}`, `{ "a" : [ "}", "\\\"" ] }`, `{"a":{},"snapshot":true}`} {
		for _, snapshot := range []bool{false, true} {
			text := string(AppendPriceUpdate(nil, "BTC_USDT", "1.10", "1710000000", data))
			if InstrumentOf(text, 8) != "BTC_USDT" {
				t.Errorf("%s: instrument %q", text, InstrumentOf(text, 8))
			}
			if snapshot {
				text = MarkSnapshot(text)
			}
			p, ok := ScanPriceUpdate([]byte(text))
			if !ok || string(p.Instrument) != "BTC_USDT" || string(p.Price) != "1.10" || p.TS != 1710000000 ||
				string(p.Data) != data || p.Snapshot != snapshot {
				t.Errorf("%s: %+v, %v", text, p, ok)
			}
			var m ServerMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil || m.Instrument != "BTC_USDT" || m.Price != "1.10" ||
				*m.TS != 1710000000 || string(m.Data) != data || m.Snapshot != snapshot {
				t.Errorf("%s: %+v, %v", text, m, err)
			}
		}
	}
}

// What AppendStamped and AppendStampedSnapshot write, ScanPriceUpdate and encoding/json read
// alike, with the keys in the order of ServerMessage.
func TestScanStamped(t *testing.T) {
	stamp := Stamp{Epoch: "3f00000000000000.1", Seq: 7, At: 1795493946031}
	for _, data := range []string{``, `{"epoch":"x","snapshot":true}`} {
		for _, snapshot := range []bool{false, true} {
			event := string(AppendPriceUpdate(nil, "BTC_USDT", "1.10", "1710000000", data))
			text := AppendStamped([]byte("before"), event, stamp)
			if snapshot {
				text = AppendStampedSnapshot([]byte("before"), MarkSnapshot(event), stamp, 0)
			}
			text = text[len("before"):]
			p, ok := ScanPriceUpdate(text)
			if !ok || string(p.Price) != "1.10" || string(p.Data) != data || p.Snapshot != snapshot ||
				string(p.Epoch) != stamp.Epoch || p.Seq != 7 || p.At != stamp.At || p.AgeMS != 0 {
				t.Errorf("%s: %+v, %v", text, p, ok)
			}
			var m ServerMessage
			if err := json.Unmarshal(text, &m); err != nil || m.Epoch != stamp.Epoch || m.Seq != 7 || m.At != stamp.At ||
				(m.AgeMS != nil) != snapshot || string(m.Append(nil)) != string(text) {
				t.Errorf("%s: %+v, %v", text, m, err)
			}
		}
	}
}

func TestScanMark(t *testing.T) {
	none, zero, many := (*int64)(nil), new(int64), new(int64)
	*many = 1 << 62
	for _, age := range []*int64{none, zero, many} {
		want := int64(-1)
		if age != nil {
			want = *age
		}
		text := ServerMessage{Type: TypeMark, N: 7, AgeMS: age}.Append(nil)
		if n, got, ok := ScanMark(text); !ok || n != 7 || got != want {
			t.Errorf("%s: %d, %d, %v", text, n, got, ok)
		}
	}
	for _, text := range []string{
		`{"type":"mark"}`, `{"type":"mark","n":7,"age_ms":}`, `{"type":"mark","n":7,"age_ms":-1}`, `{"type":"mark","n":7,"x":1}`,
		`{"type":"mark","n":7,"age_ms":9223372036854775808}`, `{"type":"mark","n":7,"age_ms":1,"x":1}`,
	} {
		if _, _, ok := ScanMark([]byte(text)); ok {
			t.Errorf("%s: taken", text)
		}
	}
}

func TestScanLeavesOthersToAParser(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"type":"price_update","instrument":"A`,
		`{"type":"price_update", "instrument":"A","price":1,"ts":1}`,
		`{"type":"price_update","instrument":"A","price":01,"ts":1}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":-1}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":9223372036854775808}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"data":{}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"data":{"a"}}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"data":[]}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"seq":7}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1} `,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"","seq":7,"at":1}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a\u0041","seq":7,"at":1}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a","seq":7}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a","seq":7,"at":9223372036854775808}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a","seq":7,"at":1,"age_ms":1}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a","seq":7,"at":1,"snapshot":true}`,
		`{"type":"price_update","instrument":"A","price":1,"ts":1,"epoch":"a","seq":7,"at":1,"age_ms":-1,"snapshot":true}`,
	} {
		if p, ok := ScanPriceUpdate([]byte(text)); ok {
			t.Errorf("%s: %+v", text, p)
		}
	}
	if room, skipped, ok := ScanConflated([]byte(Conflated("A", 37))); !ok || string(room) != "A" || skipped != 37 {
		t.Errorf("conflated: %s, %d, %v", room, skipped, ok)
	}
	for _, text := range []string{`{"type":"conflated","room":"A","skipped":037}`, `{"type":"conflated","room":"A","skipped":1,"x":1}`} {
		if _, _, ok := ScanConflated([]byte(text)); ok {
			t.Errorf("%s: taken", text)
		}
	}
}

func TestText(t *testing.T) {
	for _, s := range []string{``, `<&> "you" ☃`, "\u2028\n\x01"} {
		if got, ok := TextOf(Text(s)); !ok || got != s {
			t.Errorf("%q: became %q, %v", s, got, ok)
		}
	}
	if got := string(Text(`<&>`)); got != `"<&>"` {
		t.Errorf("got %s", got)
	}
	for _, data := range []string{``, `{}`, `null`, `5`} {
		if _, ok := TextOf(json.RawMessage(data)); ok {
			t.Errorf("%s is a text", data)
		}
	}
}
