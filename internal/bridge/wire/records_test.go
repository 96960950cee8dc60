package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// someEvents are events of every kind, as the instance A sends them.
func someEvents() []hub.BroadcastEvent {
	base := hub.BroadcastEvent{
		Room: "ü € x", Type: "price", Payload: "{\"x\":\n1}", Born: testNow.Steady - 3*time.Millisecond,
		Version: hub.Version{Clock: 0x2a, Instance: "A"}, Seq: 7, At: testNow.UnixMS - 3, Life: 2,
	}
	event := func(change func(e *hub.BroadcastEvent)) hub.BroadcastEvent {
		e := base
		change(&e)
		return e
	}
	return []hub.BroadcastEvent{
		base,
		event(func(e *hub.BroadcastEvent) { e.Kind, e.Version.Instance = hub.Recovered, "B-2" }),
		event(func(e *hub.BroadcastEvent) { e.Kind, e.Seq, e.At, e.Life, e.Payload = hub.Resync, 0, 0, 0, "{}" }),
		event(func(e *hub.BroadcastEvent) { e.Kind, e.Version.Clock, e.Seq, e.At, e.Life = hub.Message, 0, 0, 0, 0 }),
		event(func(e *hub.BroadcastEvent) { e.Version.Clock, e.At, e.Life, e.Room = MaxClock, 0, 0, "X" }),
		event(func(e *hub.BroadcastEvent) {
			e.Seq, e.Life, e.Born = 1<<64-1, 1<<32-1, testNow.Steady-maxAge*time.Millisecond
		}),
	}
}

// message2 is a message of form 2 with the texts of records, each without its length.
func message2(records ...string) string {
	message := EnvelopeHead2("A")
	for _, r := range records {
		message += fmt.Sprintf("%07d %s", len(r), r)
	}
	return message
}

// The texts are as documented, and read as they were sent.
func TestRecordsAreReadAsTheyWereSent(t *testing.T) {
	b := []byte(EnvelopeHead2("A"))
	events := someEvents()
	for _, e := range events {
		b = AppendEvent(b, &e, "A", testNow.Steady)
	}
	const payload = "ü € x\n{\"x\":\n1}\n"
	want := message2(
		"state price 000000000000002a 3 seq=7 at=1710000004997 life=2\n"+payload,
		"recovered price 000000000000002a-B-2 3 seq=7 at=1710000004997 life=2\n"+payload,
		"resync price 000000000000002a 3\nü € x\n{}\n",
		"message price - 3\n"+payload,
		"state price 2fffffffffffffff 3 seq=7\nX\n{\"x\":\n1}\n",
		"state price 000000000000002a 1000000000000 seq=18446744073709551615 at=1710000004997 life=4294967295\n"+payload,
	)
	if string(b) != want {
		t.Errorf("wrote\n%s\nwant\n%s", b, want)
	}
	var r Reader
	for range 2 {
		got, bad, err := r.Decode(nil, want, partition.All, testNow, nil)
		if err != nil || bad != 0 || !slices.Equal(got, events) {
			t.Errorf("read %+v, %d bad, %v\nwant %+v", got, bad, err, events)
		}
	}
}

// No small text keeps a large message.
func TestNamesAreNoPartsOfTheMessage(t *testing.T) {
	message := message2("state price 000000000000002a-B 3\nX\n{}\n", "state price 000000000000002a 3\nX\n{}\n")
	var r Reader
	events, _, err := r.Decode(nil, message, partition.All, testNow, nil)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	within := func(s string) bool {
		at, begin := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(message)))
		return begin <= at && at < begin+uintptr(len(message))
	}
	for _, e := range events {
		if within(e.Type) || within(e.Version.Instance) || !within(e.Room) || !within(e.Payload) {
			t.Errorf("of the message are type %t, instance %t, room %t, payload %t; want the last two", within(e.Type), within(e.Version.Instance), within(e.Room), within(e.Payload))
		}
	}
	for i := range 3 * maxNames {
		name := fmt.Sprint("N", i)
		if own, ok := r.name(typeName, name); !ok || own != name || len(r.names) > maxNames {
			t.Fatalf("name %s is %s %t; %d names", name, own, ok, len(r.names))
		}
	}
}

// A field that is wrong costs its record.
func TestWhatIsNoRecord(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	const base = "state t 0000000000000001-A 0 seq=1 at=2 life=3\nX\n{}\n"
	for _, tt := range []struct {
		old     string
		ok, bad []string
	}{
		{"state", []string{"message", "recovered", "resync"}, []string{"", "live", "State", "state  "}},
		{" t ", []string{" " + long(64) + " ", " aA0_.-zZ9 "}, []string{" ", "  ", " " + long(65) + " ", " ü ", " a:b "}},
		{"0000000000000001-A", []string{"0000000000000001", "2fffffffffffffff-" + long(64)}, []string{
			"", "-", "000000000000001", "00000000000000001", "0000000000000001-", "0000000000000001_A", "000000000000000A-A", "000000000000000g-A",
			"3000000000000000-A", "3000000000000000", "0000000000000001-" + long(65), "0000000000000001-ü",
		}},
		{" 0 ", []string{" 1 ", " 1000000000000 "}, []string{" ", " -1 ", " +1 ", " 1000000000001 ", " 1e3 ", " 0x1 ", " 99999999999999999999 "}},
		{"seq=1", []string{"seq=0", "more=1", "", "seq=18446744073709551615", "more", "seq=9 seq=1"}, []string{"seq=", "seq", "seq=-1", "seq=1.5", "seq=18446744073709551616", "seq=9 seq=x"}},
		{"at=2", []string{"at=0", "at=9223372036854775807"}, []string{"at=", "at=-1", "at=9223372036854775808"}},
		{"life=3", []string{"life=0", "life=4294967295"}, []string{"life=", "life=4294967296", "life=x"}},
		{"\nX\n", []string{"\n" + long(128) + "\n", "\nü €\n", "\na b=1\n", "\n{b}\n"}, []string{"\n\n", "\n" + long(129) + "\n", "\na\"b\n", "\na\\b\n", "\na\tb\n", "\na\xffb\n", "\na\u0085b\n", "\nX\r\n", " X "}},
		{"{}", []string{"{\n}", "{x"}, []string{"", "[]", " {}", "\n{}", "1"}},
	} {
		decode := func(text string) (events []hub.BroadcastEvent, bad int) {
			record := strings.Replace(base, tt.old, text, 1)
			if record == base && text != tt.old {
				t.Fatalf("%q is not in the record", tt.old)
			}
			events, bad, err := new(Reader).Decode(nil, message2(base, record, base), partition.All, testNow, nil)
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			return events, bad
		}
		for _, text := range append(tt.ok, tt.old) {
			if events, bad := decode(text); len(events) != 3 || bad != 0 {
				t.Errorf("%q is refused", text)
			}
		}
		for _, text := range tt.bad {
			if events, bad := decode(text); len(events) != 2 || bad != 1 {
				t.Errorf("%q is taken: %+v", text, events)
			}
		}
	}
}

// Damage to the frame costs the whole message.
func TestWhatIsNoMessageOfForm2(t *testing.T) {
	const record = "message t - 0\nX\n{}\n"
	good := message2(record, record)
	for message, want := range map[string]int{
		good: 2, "2 A\n": 0, "2 A more words=1\n" + good[len("2 A\n"):]: 2,
		envelope(`{"room":"X","type":"t","kind":"message","age":0,"data":{}}`):                        1,
		message2("message t - 0\nX\n{" + strings.Repeat(" ", MaxBytes-len(message2(record))) + "}\n"): 1,
	} {
		events, bad, err := new(Reader).Decode(nil, message, partition.All, testNow, nil)
		if len(events) != want || bad != 0 || err != nil {
			t.Errorf("%.99q: %d events, %d bad, %v; want %d", message, len(events), bad, err, want)
		}
	}
	for at := len(good) - 1; at >= 0; at-- {
		if len(good)-at == len(record)+lengthDigits+1 || at == len("2 A\n") {
			continue // whole records
		}
		if events, bad, err := new(Reader).Decode(nil, good[:at], partition.All, testNow, nil); len(events) > 0 || bad > 0 || err == nil {
			t.Errorf("%q: %d events, %d bad, %v", good[:at], len(events), bad, err)
		}
	}
	for _, message := range []string{
		"2 \n", "2  A\n", "2 a:b\n", "2 A", "2\nA\n", "3 A\n", "2 A\r\n", good + "\n", good + "x", good + strings.Repeat(" ", 8),
		strings.Replace(good, "0000019 ", "0000018 ", 1), strings.Replace(good, "0000019 ", "0000020 ", 1), strings.Replace(good, "0000019 ", "0000000 ", 1),
		strings.Replace(good, "0000019 ", "000019 ", 1), strings.Replace(good, "0000019 ", "00000019 ", 1), strings.Replace(good, "0000019 ", "-000019 ", 1),
		strings.Replace(good, "0000019 ", "0000019\n", 1), strings.Replace(good, "0000019 ", "9999999 ", 1),
		message2("message t - 0\nX\n{" + strings.Repeat(" ", MaxBytes+1-len(message2(record))) + "}\n"),
	} {
		if events, bad, err := new(Reader).Decode(nil, message, partition.All, testNow, nil); len(events) > 0 || bad > 0 || err == nil {
			t.Errorf("%.99q: %d events, %d bad, %v", message, len(events), bad, err)
		}
	}
}

// A room belongs to the channel, and whoever gives a function decides too.
func TestRecordsOfOtherPartitionsAreRefused(t *testing.T) {
	message := message2("message t - 0\nX\n{}\n", "message u - 0\nX\n{}\n", "message t - 0\nY\n{}\n")
	x, y := partition.Only(partition.Of("X")), partition.Only(partition.Of("Y"))
	for of, want := range map[partition.Set]int{x: 2, y: 1, x | y: 3, partition.All: 3, partition.All &^ x: 1} {
		events, bad, err := new(Reader).Decode(nil, message, of, testNow, nil)
		if len(events) != want || bad != 3-want || err != nil {
			t.Errorf("%x: %d events, %d bad, %v; want %d", of, len(events), bad, err, want)
		}
	}
	events, bad, err := new(Reader).Decode(nil, message, partition.All, testNow, func(e *hub.BroadcastEvent) bool { return e.Type == "u" })
	if len(events) != 1 || bad != 2 || err != nil || events[0].Type != "u" {
		t.Errorf("%+v, %d bad, %v", events, bad, err)
	}
}

// benchEvents are prices of 90 bytes of a feed.
func benchEvents(n int) (events []hub.BroadcastEvent) {
	for i := range n {
		events = append(events, hub.BroadcastEvent{
			Room: fmt.Sprintf("COIN%d_USDT", i%500), Type: "price_update", Version: hub.Version{Clock: 0x18bcfe568000001 + uint64(i), Instance: "3f1c77a09be15d24"},
			Payload: `{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000,"x":"12345"}`,
			Born:    testNow.Steady - time.Millisecond, Seq: uint64(i), At: testNow.UnixMS, Life: 2,
		})
	}
	return events
}

// BenchmarkDecode is what a message costs its receiver, without the check of payloads.
func BenchmarkDecode(b *testing.B) {
	const origin = "3f1c77a09be15d24"
	for _, n := range []int{1, 20, 200} {
		all := benchEvents(n)
		texts, records := []string{}, []byte(EnvelopeHead2(origin))
		for i := range all {
			e := &all[i]
			texts = append(texts, string(appendEventHead(nil, e, testNow.Steady))+e.Payload+"}")
			records = AppendEvent(records, e, origin, testNow.Steady)
		}
		for form, message := range []string{EnvelopeHead(origin) + `"events":[` + strings.Join(texts, ",") + "]}", string(records)} {
			b.Run(fmt.Sprintf("form=%d/events=%d", form+1, n), func(b *testing.B) {
				b.ReportAllocs()
				var r Reader
				events := make([]hub.BroadcastEvent, 0, n)
				for b.Loop() {
					events, _, _ = r.Decode(events[:0], message, partition.All, testNow, nil)
				}
				if len(events) != n {
					b.Fatal(len(events))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
				b.ReportMetric(float64(len(message))/float64(n), "bytes/event")
			})
		}
	}
}

// BenchmarkEncode is what the head of an event costs its sender; of form 2 with the payload.
func BenchmarkEncode(b *testing.B) {
	all := benchEvents(200)
	b.Run("form=1", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e := &all[i%len(all)]
			_ = string(appendEventHead(nil, e, testNow.Steady))
		}
	})
	b.Run("form=2", func(b *testing.B) {
		b.ReportAllocs()
		buffer := make([]byte, 0, 256<<10)
		for i := 0; b.Loop(); i++ {
			if i%len(all) == 0 {
				buffer = buffer[:0]
			}
			buffer = AppendEvent(buffer, &all[i%len(all)], "3f1c77a09be15d24", testNow.Steady)
		}
	})
}
