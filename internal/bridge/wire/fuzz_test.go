package wire

import (
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"origin":"A","events":[]}`,
		`{"v":1,"origin":"A","events":[{"room":"A","type":"price","kind":"state","version":"0000000000000001-A","seq":1,"age":0,"data":{"x":1}}]}`,
		`{"v":1,"origin":"A","events":[{"room":"A","type":"price","kind":"message","age":3,"data":{}},{"room":"A","type":"price","kind":"recovered","version":"7fffffffffffffff-b","age":3,"data":{}}],"more":[1]}`,
		`{"v":1,"origin":"A","events":[{"room":"A","room":"B"}]}`, `{"v":1,"v":1}`, `[`, ``, `{"events":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		now := moment.Now()
		events, bad, err := decodeEnvelope(message, partition.Only(partition.Of("A")), now, nil)
		if err != nil && len(events)+bad > 0 {
			t.Fatalf("%d events with an error", len(events))
		}
		for _, e := range events {
			if !PlainRoom(e.Room) || !strings.HasPrefix(e.Payload, "{") || e.Born > now.Steady || now.Since(e.Born) > maxAge*time.Millisecond || e.Transit < 0 {
				t.Fatalf("%+v", e)
			}
			if v, ok := parseVersion(e.Version.String()); e.Kind != hub.Message && (!ok || v != e.Version) {
				t.Fatalf("version %v", e.Version)
			}
		}
	})
}

// What form 2 takes, form 1 takes: written in form 1, each event is the same event. Written in form
// 2 again it is the same too.
func FuzzRecords(f *testing.F) {
	b := []byte(EnvelopeHead2("A"))
	for _, e := range someEvents() {
		b = AppendEvent(b, &e, "A", testNow.Steady)
	}
	f.Add(string(b))
	f.Add("2 A more\n0000024 message t - 0 x=1\nA\n{}\n")
	f.Add("2 A\n0000044 state t 0000000000000001-B 0 seq=1\nA\n{}\n")
	f.Add("2 A\n")
	f.Add("2 ")
	f.Fuzz(func(t *testing.T, message string) {
		if !strings.HasPrefix(message, form2) {
			message = form2 + message
		}
		var r Reader
		before := []hub.BroadcastEvent{{Room: "before"}}
		events, bad, err := r.Decode(before, message, partition.All, testNow, nil)
		if events[0] != before[0] || err != nil && len(events)+bad > 1 {
			t.Fatalf("%d events, %d bad with %v", len(events)-1, bad, err)
		}
		for _, e := range events[1:] {
			if !PlainRoom(e.Room) || e.Payload == "" || e.Payload[0] != '{' || e.Version.Clock > MaxClock {
				t.Fatalf("%+v", e)
			}
			origin := e.Version.Instance
			again := AppendEvent([]byte(EnvelopeHead2(origin)), &e, origin, testNow.Steady)
			if got, bad, err := r.Decode(nil, string(again), partition.Only(partition.Of(e.Room)), testNow, nil); err != nil || bad > 0 || len(got) != 1 || got[0] != e {
				t.Fatalf("%q: %+v, %v, is not %+v", again, got, err, e)
			}
			asForm1 := e
			asForm1.Payload = "{}" // form 2 leaves JSON to the function that judges
			head := string(appendEventHead(nil, &asForm1, testNow.Steady))
			if got, bad, err := decodeEnvelope(EnvelopeHead(origin)+`"events":[`+head+"{}}]}", partition.All, testNow, nil); err != nil || bad > 0 || len(got) != 1 || got[0] != asForm1 {
				t.Fatalf("%s: %+v, %v, is not %+v", head, got, err, asForm1)
			}
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add(oldValue(`{"x":1}`))
	f.Add(`{"version":"0000000000000001-A","event":[]}`)
	f.Add(`{"version":`)
	f.Fuzz(func(t *testing.T, value string) {
		now := moment.Now()
		e, ok := DecodeValue("R", "price", value, time.Second, time.Minute, now)
		if !ok {
			return
		}
		if again, ok := DecodeValue("R", "price", storedValue(e), time.Second, time.Minute, now); !ok || again != e {
			t.Fatalf("%+v, stored again %+v", e, again)
		}
	})
}

func FuzzHeartbeat(f *testing.F) {
	f.Add(Beat("A", 1, 2))
	f.Add(`{"v":1,"origin":"A"}`)
	f.Fuzz(func(t *testing.T, message string) {
		h, ok := DecodeBeat(message)
		if !ok {
			return
		}
		h.Reads = Form2
		if again, ok := DecodeBeat(Beat(h.Instance, 1, h.Clock)); !ok || again != h {
			t.Fatalf("%+v, sent again %+v", h, again)
		}
	})
}
