package wire

import (
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
)

// storedValue is a value as the write script stores it.
func storedValue(e hub.BroadcastEvent) string {
	return `{"version":"` + e.Version.String() + `",` + string(appendStamp(nil, &e)) + `"event":` + e.Payload + `}`
}

// oldValue is a value as builds from before stamps store it.
func oldValue(payload string) string {
	return storedValue(hub.BroadcastEvent{Version: hub.Version{Clock: 1, Instance: "A"}, Payload: payload})
}

func TestTheAgeOfAValueNeverShrinks(t *testing.T) {
	const ttl = 30 * time.Second
	now := moment.Now()
	value := oldValue("{}")
	for remaining, want := range map[time.Duration]time.Duration{ttl: 0, time.Second: 29 * time.Second, time.Hour: 0} {
		if e, ok := DecodeValue("R", "price", value, remaining, ttl, now); !ok || now.Since(e.Born) != want {
			t.Errorf("%v left: age %v, %v, want %v", remaining, now.Since(e.Born), ok, want)
		}
	}
	for _, remaining := range []time.Duration{0, -time.Millisecond} {
		if _, ok := DecodeValue("R", "price", value, remaining, ttl, now); ok {
			t.Errorf("a value with %v left was taken", remaining)
		}
	}
}

// A producer's data is passed on unread, and JSON allows a key twice.
func TestAKeyTwiceInAStoredPayloadIsRead(t *testing.T) {
	const payload = `{"type":"price_update","data":{"a":1,"a":[{"b":1,"b":2}]}}`
	read, ok := DecodeValue("R", "price", oldValue(payload), time.Second, time.Minute, moment.Now())
	if !ok || read.Payload != payload {
		t.Errorf("read %+v, %v", read, ok)
	}
}
