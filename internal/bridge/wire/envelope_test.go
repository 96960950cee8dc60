package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

var testNow = moment.Time{Steady: 50 * 365 * 24 * time.Hour, UnixMS: 1_710_000_005_000}

// envelope is a message of instance A with the texts of events.
func envelope(events ...string) string {
	return EnvelopeHead("A") + `"events":[` + strings.Join(events, ",") + `]}`
}

// decodeOne decodes a message with one event of room X.
func decodeOne(t *testing.T, event string) (e hub.BroadcastEvent, ok bool) {
	t.Helper()
	events, bad, err := decodeEnvelope(envelope(event), partition.Only(partition.Of("X")), testNow, nil)
	if err != nil || len(events)+bad != 1 {
		t.Fatalf("%s: %d events, %d bad, %v", event, len(events), bad, err)
	}
	if bad == 1 {
		return e, false
	}
	return events[0], true
}

// An event has the documented text, and is the same event on the other side.
func TestAnEventIsReadAsItWasSent(t *testing.T) {
	version := hub.Version{Clock: 0x2a, Instance: "B"}
	const head, text = `{"room":"X","type":"price","kind":`, `"version":"000000000000002a-B",`
	base := hub.BroadcastEvent{Room: "X", Type: "price", Payload: `{"x":1}`, Version: version, Born: testNow.Steady}
	event := func(change func(e *hub.BroadcastEvent)) hub.BroadcastEvent {
		e := base
		change(&e)
		return e
	}
	for _, tt := range []struct {
		e    hub.BroadcastEvent
		want string
	}{
		{base, head + `"state",` + text + `"age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Kind = hub.Recovered }), head + `"recovered",` + text + `"age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Kind, e.Payload = hub.Resync, "{}" }), head + `"resync",` + text + `"age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Kind, e.Version = hub.Message, hub.Version{Instance: "A"} }), head + `"message","age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Seq, e.At, e.Life = 7, testNow.UnixMS, 2 }), head + `"state",` + text + `"seq":7,"at":1710000005000,"life":2,"age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Seq = 7 }), head + `"state",` + text + `"seq":7,"age":0,"data":`},
		{event(func(e *hub.BroadcastEvent) { e.Born -= 3 * time.Millisecond }), head + `"state",` + text + `"age":3,"data":`},
	} {
		got := string(appendEventHead(nil, &tt.e, testNow.Steady))
		if got != tt.want {
			t.Errorf("sent %s\nwant %s", got, tt.want)
		}
		if read, ok := decodeOne(t, got+tt.e.Payload+"}"); !ok || read != tt.e {
			t.Errorf("sent %+v\nread %+v, %t", tt.e, read, ok)
		}
	}
}

// An event never gets younger on its way, and its age has bounds.
func TestAgesAreRoundedUp(t *testing.T) {
	for age, want := range map[time.Duration]int64{
		-time.Second: 0, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 40 * 365 * 24 * time.Hour: 1e12,
	} {
		if got := ageMS(testNow.Steady-age, testNow.Steady); got != want {
			t.Errorf("%v is sent as %d ms, want %d", age, got, want)
		}
	}
}

func TestWhatIsNoEnvelope(t *testing.T) {
	const event = `{"room":"X","type":"t","kind":"message","age":0,"data":{}}`
	good := []string{
		envelope(), envelope(event), envelope(event, event), `{"v":1,"origin":"A"}`,
		`{"v":1,"origin":"A","more":{},"events":[` + event + `],"more":[1]}`,
		" " + envelope(event) + "\n", envelope(event) + strings.Repeat(" ", MaxBytes-len(envelope(event))),
	}
	for _, message := range good {
		events, bad, err := decodeEnvelope(message, partition.Only(partition.Of("X")), testNow, nil)
		if want := strings.Count(message, event); len(events) != want || bad != 0 || err != nil {
			t.Errorf("%.99s: %d events, %d bad, %v; want %d", message, len(events), bad, err, want)
		}
	}
	for _, message := range []string{
		"", "[]", "1", "{", `{"v":1`, `{}`, `{"origin":"A"}`, `{"v":2,"origin":"A"}`, `{"v":"1","origin":"A"}`,
		`{"origin":"A","events":[` + event + `],"v":1}`, `{"v":1,"events":[` + event + `],"origin":"A"}`,
		`["v",1,"origin","A","events",[]]`, `{"v":1,"origin":"a b","events":[]}`, `{"v":1,"origin":1,"events":[]}`,
		`{"v":1,"origin":"A","events":{}}`, `{"v":1,"origin":"A","events":1}`, envelope("1"), envelope(event, "[]"), envelope("{]"),
		envelope(event) + "x", envelope(event) + envelope(event), envelope(event) + strings.Repeat(" ", MaxBytes+1-len(envelope(event))),
	} {
		if events, bad, err := decodeEnvelope(message, partition.Only(partition.Of("X")), testNow, nil); len(events) > 0 || bad > 0 || err == nil {
			t.Errorf("%.99s: %d events, %d bad, %v", message, len(events), bad, err)
		}
	}
}

// Whoever gives a function decides what an event is, too.
func TestTheReceiverJudgesEvents(t *testing.T) {
	event := func(typ string) string { return `{"room":"X","type":"` + typ + `","kind":"message","age":0,"data":{}}` }
	events, bad, err := decodeEnvelope(envelope(event("a"), event("b"), event("a")), partition.Only(partition.Of("X")), testNow,
		func(e *hub.BroadcastEvent) bool { return e.Type == "a" })
	if len(events) != 2 || bad != 1 || err != nil {
		t.Errorf("%d events, %d bad, %v; want 2 and 1", len(events), bad, err)
	}
}

// A field that is wrong costs its event.
func TestWhatIsNoEvent(t *testing.T) {
	const base = `{"room":"X","type":"t","kind":"state","version":"0000000000000001-A","seq":1,"at":2,"life":3,"age":0,"data":{}}`
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		old string
		ok  []string
		bad []string
	}{
		{`"room":"X"`, nil, []string{`"room":""`, `"room":1`, `"no":"X"`, `"room":"Y"`, `"room":"X\u0022"`}},
		{`"type":"t"`, []string{`"type":"` + long(64) + `"`, `"type":"aA0_.-zZ9"`}, []string{`"type":"` + long(65) + `"`, `"type":""`, `"type":"a b"`, `"type":1`, `"no":1`}},
		{`"kind":"state"`, []string{`"kind":"message"`, `"kind":"recovered"`, `"kind":"resync"`}, []string{`"kind":"live"`, `"kind":1`, `"no":1`}},
		{`"version":"0000000000000001-A"`, []string{`"version":"2fffffffffffffff-` + long(64) + `"`},
			[]string{`"no":1`, `"version":1`, `"version":"0000000000000001-"`, `"version":"000000000000001-A"`, `"version":"0000000000000001 A"`,
				`"version":"000000000000000A-A"`, `"version":"000000000000000F-A"`, `"version":"000000000000000g-A"`, `"version":"3000000000000000-A"`, `"version":"0000000000000001-a b"`}},
		{`"seq":1`, []string{`"seq":0`, `"no":1`, `"seq":18446744073709551615`}, []string{`"seq":-1`, `"seq":1.5`, `"seq":"1"`}},
		{`"at":2`, []string{`"at":0`, `"no":1`}, []string{`"at":-1`, `"at":"2"`, `"at":9223372036854775808`}},
		{`"life":3`, []string{`"life":0`, `"no":1`, `"life":4294967295`}, []string{`"life":-1`, `"life":4294967296`, `"life":{}`}},
		{`"age":0`, []string{`"age":1000000000000`}, []string{`"age":-1`, `"age":1000000000001`, `"age":"0"`, `"no":0`, `"age":1e3`}},
		{`"data":{}`, []string{`"data":{"a":1,"a":2}`}, []string{`"data":[]`, `"data":"{}"`, `"no":{}`}},
	} {
		for i, list := range [][]string{append(tt.ok, tt.old), tt.bad} {
			for _, text := range list {
				if _, ok := decodeOne(t, strings.Replace(base, tt.old, text, 1)); ok != (i == 0) {
					t.Errorf("with %s it is an event: %t", text, ok)
				}
			}
		}
	}
	if _, ok := decodeOne(t, strings.Replace(base, `,"age":0`, ``, 1)); ok {
		t.Error("an event without an age was taken")
	}
	e, ok := decodeOne(t, strings.Replace(base, `"seq":1`, `"seq":0`, 1))
	if !ok || e.Seq != 0 || e.At != 0 || e.Life != 0 {
		t.Errorf("without a number it has the stamp %d, %d, %d", e.Seq, e.At, e.Life)
	}
	e, _ = decodeOne(t, base)
	if e.Seq != 1 || e.At != 2 || e.Life != 3 || e.Version != (hub.Version{Clock: 1, Instance: "A"}) || e.Kind != hub.State {
		t.Errorf("read %+v", e)
	}
}

// What an event was on the way for by the clocks is kept apart from its age, whatever the clocks are.
func TestTransitIsWhatTheClocksSayBeyondTheAge(t *testing.T) {
	for _, tt := range []struct {
		at      int64
		age     time.Duration
		transit time.Duration
	}{
		{testNow.UnixMS - 5000, 2 * time.Second, 3 * time.Second},
		{testNow.UnixMS - 5000, 5 * time.Second, 0},
		{testNow.UnixMS - 5000, 9 * time.Second, 0},
		{testNow.UnixMS + 5000, 0, 0},
		{1, 0, maxAge * time.Millisecond},
		{0, 2 * time.Second, 0},
	} {
		e := hub.BroadcastEvent{At: tt.at}
		setAge(&e, tt.age, testNow)
		if e.Transit != tt.transit || testNow.Since(e.Born) != tt.age {
			t.Errorf("%+v: transit %v, age %v", tt, e.Transit, testNow.Since(e.Born))
		}
	}
}

func TestWhatIsNoValue(t *testing.T) {
	decode := func(value string) bool {
		_, ok := DecodeValue("X", "t", value, time.Second, time.Minute, testNow)
		return ok
	}
	const good = `{"version":"0000000000000001-A","seq":1,"at":2,"life":3,"event":{}}`
	for _, value := range []string{
		good, good + strings.Repeat(" ", MaxBytes-len(good)), `{"version":"0000000000000001-A","event":{},"more":1}`,
	} {
		if !decode(value) {
			t.Errorf("%.99s was refused", value)
		}
	}
	for _, value := range []string{
		"", "{}", good + "x", good + strings.Repeat(" ", MaxBytes+1-len(good)), `{"version":"0000000000000001-A"}`,
		`{"version":"0000000000000001-A","event":[]}`, `{"seq":1,"version":"0000000000000001-A","event":{}}`,
		` {"version":"0000000000000001-A","event":{}}`, `{"version":"000000000000000A-A","event":{}}`,
		`{"version":"0000000000000001-A","seq":"1","event":{}}`, `{"version":"0000000000000001-A","event":{}`,
	} {
		if decode(value) {
			t.Errorf("%.99s was taken", value)
		}
	}
	e, _ := DecodeValue("X", "t", good, time.Second, time.Minute, testNow)
	want := hub.BroadcastEvent{
		Room: "X", Type: "t", Kind: hub.Recovered, Payload: "{}", Version: hub.Version{Clock: 1, Instance: "A"},
		Seq: 1, At: 2, Life: 3, Born: testNow.Steady - 59*time.Second, Transit: maxAge*time.Millisecond - 59*time.Second,
	}
	if e != want {
		t.Errorf("read %+v\nwant %+v", e, want)
	}
}

func TestHeartbeats(t *testing.T) {
	const text = `{"v":1,"origin":"A","session":4,"clock":"000000000000002a","reads":2}`
	if got := Beat("A", 4, 0x2a); got != text {
		t.Errorf("sent %s, want %s", got, text)
	}
	padded := func(n int) string {
		return strings.Replace(text, `"session"`, fmt.Sprintf(`"x":"%s","session"`, strings.Repeat("x", n-len(text)-len(`"x":"",`))), 1)
	}
	for message, want := range map[string]bool{
		text: true, padded(1024): true, padded(1025): false, text + "x": false, "": false, "[]": false,
		strings.Replace(text, `"v":1`, `"v":2`, 1): false, strings.Replace(text, `"v":1`, `"w":1`, 1): false,
		strings.Replace(text, `"A"`, `"a b"`, 1): false, strings.Replace(text, `"2a"`, `""`, 1): true,
		strings.Replace(text, `02a"`, `02A"`, 1): false, strings.Replace(text, `"00`, `"30`, 1): false,
	} {
		if h, ok := DecodeBeat(message); ok != want || ok && h != (Heartbeat{"A", 0x2a, 2}) {
			t.Errorf("%.99s: %+v %t, want %t", message, h, ok, want)
		}
	}
	for reads, want := range map[string]Form{`"reads":3`: 3, `"reads":1`: 1, `"reads":0`: 1, `"more":1`: 1, `"reads":"2"`: 1, `"reads":2.5`: 1, `"reads":-2`: 1, `"reads":null`: 1, `"reads":99999`: 1} {
		message := strings.Replace(text, `"reads":2`, reads, 1)
		if h, ok := DecodeBeat(message); !ok || h != (Heartbeat{"A", 0x2a, want}) {
			t.Errorf("%s: %+v %t, want that it reads %d", message, h, ok, want)
		}
	}
}

func TestNames(t *testing.T) {
	x := partition.Of("X")
	tag := "{" + partition.Tag(x) + "}"
	n := Names{Prefix: "p:"}
	for got, want := range map[string]string{
		n.Events(x):                             "p:events:" + tag,
		n.Last("price", "X"):                    "p:last:" + tag + ":price:X",
		n.NoLast(x):                             "p:last:" + tag + ":",
		n.Heartbeat(false, partition.Only(x)):   "p:heartbeat",
		n.Heartbeat(true, partition.Only(x)):    "p:heartbeat:" + tag,
		Names{}.Heartbeat(false, partition.All): "heartbeat",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if m := n.Channels(false, partition.All); len(m) != partition.Count+1 || m[n.Events(x)] != partition.Only(x) || m["p:events"] != partition.All {
		t.Errorf("%d channels of one server: %v", len(m), m)
	}
	if m := n.Channels(true, partition.Only(x)); len(m) != 1 || m[n.Events(x)] != partition.Only(x) {
		t.Errorf("channels of a master of a cluster: %v", m)
	}
	for name, want := range map[string]bool{
		"": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "azAZ09_.-": true,
		"`": false, "{": false, "@": false, "[": false, "/": false, ":": false, "ü": false, "a b": false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("%q is a name: %t", name, got)
		}
	}
	for room, want := range map[string]bool{
		"": false, "X": true, "ü €": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		`a"b`: false, `a\b`: false, "a\nb": false, "a\u0085b": false, "a\xffb": false,
	} {
		if got := PlainRoom(room); got != want {
			t.Errorf("%q is plain: %t", room, got)
		}
	}
}
