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
		events, bad, err := DecodeEnvelope(message, partition.Of("A"), now, nil)
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
		id, clock, ok := DecodeBeat(message)
		if !ok {
			return
		}
		if o, c, ok := DecodeBeat(Beat(id, 1, clock)); !ok || o != id || c != clock {
			t.Fatalf("%s %x, sent again %s %x", id, clock, o, c)
		}
	})
}
