package bridge

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// Whatever lies at the key of a room, its next price is published and stored, however low its
// version, and reads of other rooms go on.
func TestAForeignValueSilencesNoRoom(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	names := wire.Names{Prefix: DefaultPrefix}
	const far = `2fffffffffffffff-X","seq":1,"event":{}}`
	garbage := map[string][]string{
		"not JSON":            {"SET", `{"version":"zz"`},
		"no version":          {"SET", `{"version":"zz","event":5}`},
		"high version":        {"SET", `{"version":"zzzzzzzzzzzzzzzz-zzzzzzzzzzzzzzzz","event":{}}`},
		"upper case":          {"SET", `{"version":"0FFFFFFFFFFFFFFF-X","event":{}}`, "PX", "60000"},
		"beyond all clocks":   {"SET", `{"version":"3000000000000000-X","event":{}}`, "PX", "60000"},
		"no instance":         {"SET", `{"version":"0fffffffffffffff-","event":{}}`, "PX", "60000"},
		"strange instance":    {"SET", `{"version":"0fffffffffffffff-X Y","event":{}}`, "PX", "60000"},
		"long instance":       {"SET", `{"version":"0fffffffffffffff-` + strings.Repeat("x", 65) + `","event":{}}`, "PX", "60000"},
		"future, never ends":  {"SET", `{"version":"` + far},
		"blank in front":      {"SET", ` {"version":"` + far, "PX", "60000"},
		"empty":               {"SET", ``, "PX", "60000"},
		"number":              {"SET", `17`},
		"array":               {"SET", `[]`},
		"more than is parsed": {"SETRANGE", "5000000", "x"},
		"two versions":        {"SET", `{"version":"2fffffffffffffff-X","version":"0000000000000001-X","event":{}}`},
		"list":                {"RPUSH", "x"},
		"set":                 {"SADD", "x"},
		"hash":                {"HSET", "x", "y"},
		"sorted set":          {"ZADD", "1", "x"},
		"stream":              {"XADD", "*", "x", "y"},
	}
	room := func(name string) string { return strings.ReplaceAll(name, " ", "_") }
	var rooms []string
	for name, value := range garbage {
		rooms = append(rooms, room(name))
		s.CLI(append([]string{value[0], names.Last("price", room(name))}, value[1:]...)...)
	}
	good := tick("A", "GOOD", 1, 1)
	a.publish(good)
	b.hearsNothingBut(good)
	got := b.read(append(rooms, "GOOD")...)
	if got.err != nil || len(got.found) != 1 || got.found[0].Payload != good.Payload {
		t.Errorf("read %+v, want the good one", got)
	}
	if st := b.stats(); st.Garbage != uint64(len(garbage)) || st.ReadErrors != 0 {
		t.Errorf("B's stats: %+v, want %d values of garbage", st, len(garbage))
	}
	for name := range garbage {
		e := tick("A", room(name), 1, 1)
		a.publish(e)
		b.hearsNothingBut(e)
		if got := b.read(e.Room); len(got.found) != 1 || got.found[0].Version != e.Version {
			t.Errorf("%s: read %+v, want what was published", name, got)
		}
	}
	a.publish()
	if st := a.stats(); st.Refused != 0 || st.Published != uint64(len(garbage))+1 || st.Garbage != 15 { // all strings
		t.Errorf("A's stats: %+v", st)
	}
	for _, i := range []*instance{a, b} {
		i.stop()
		close(i.log.lines)
		told := 0
		for line := range i.log.lines {
			if strings.Contains(line, "no instance wrote") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%s told of it %d times, want once", i.id, told)
		}
	}
}

// A value that this very call has stored does not end, as far as Redis says yet, and still
// refuses what is older.
func TestWhatACallHasAcceptedIsNotForeign(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a, b := start(t, "A", s.URL()), start(t, "B", s.URL())
	a.linked()
	b.linked()
	for _, before := range []string{"nothing", "garbage"} {
		if before == "garbage" {
			s.CLI("SET", wire.Names{Prefix: DefaultPrefix}.Last("price", before), `{"version":"0fffffffffffffff-X","event":{}}`)
		}
		newer, end := tick("A", before, 5, 5), chat(before, "end")
		a.publish(newer, tick("A", before, 4, 4), end)
		b.hearsNothingBut(newer)
		b.hearsNothingBut(end)
	}
	a.publish()
	if st := a.stats(); st.Refused != 2 {
		t.Errorf("A's stats: %+v, want two refused", st)
	}
}

// Each channel bears anything.
func TestForeignMessagesAreCountedAndHarmless(t *testing.T) {
	noLeak(t)
	s := redistest.Start(t)
	a := start(t, "A", s.URL())
	b := start(t, "B", s.URL(), func(o *Options) {
		o.Valid = func(e *hub.BroadcastEvent) bool { return !strings.Contains(e.Payload, "bad") }
	})
	a.linked()
	b.linked()
	names := wire.Names{Prefix: DefaultPrefix}
	channel := names.Events(partition.Of("BTC_USDT"))
	envelope := func(event string) string { return `{"v":1,"origin":"X","events":[` + event + `]}` }
	event := `{"room":%q,"type":"price","kind":%q,"version":%q,"age":%s,"data":%s}`
	const version = "0000000000000009-X"
	for _, junk := range []string{
		"", "x", "null", "[]", "{}", `{"v":2,"origin":"X","events":[]}`, `{"v":1,"origin":"X Y","events":[]}`,
		`{"v":1,"origin":"X","events":[`, `{"v":1,"origin":"X","events":{}}`, envelope(`1`), "\xff\xfe",
	} {
		s.CLI("PUBLISH", channel, junk)
	}
	for _, junk := range []string{
		`{}`,
		fmt.Sprintf(event, "BTC_USDT", "state", version, "0", `[]`),
		fmt.Sprintf(event, "ETH_USDT", "state", version, "0", `{}`), // of another partition
		fmt.Sprintf(event, "BTC_USDT", "warm", version, "0", `{}`),
		fmt.Sprintf(event, "BTC_USDT", "state", "zz", "0", `{}`),
		fmt.Sprintf(event, "BTC_USDT", "state", "3000000000000000-X", "0", `{}`),
		fmt.Sprintf(event, "BTC_USDT", "state", version, "-1", `{}`),
		fmt.Sprintf(event, "BTC_USDT", "state", version, `"0"`, `{}`),
		fmt.Sprintf(event, "BTC_USDT", "state", version, "0", `{"bad":1}`),
	} {
		s.CLI("PUBLISH", channel, envelope(junk))
	}
	// Form 2, and the channel of all partitions.
	for _, junk := range []string{"2 ", "2 X", "2 X Y\n0000003 x\n", "2 X\nx", "2 \n"} {
		s.CLI("PUBLISH", names.AllEvents(), junk)
	}
	for _, junk := range []string{"state price zz 0\nBTC_USDT\n{}\n", "state price " + version + " 0\nBTC_USDT\n[]\n", "message price - 0\nBTC_USDT\n{\"bad\":1}\n", "\n"} {
		s.CLI("PUBLISH", names.AllEvents(), fmt.Sprintf("2 X\n%07d %s", len(junk), junk))
	}
	foreign := fmt.Sprintf("state price %s 0\nETH_USDT\n{}\n", version)
	s.CLI("PUBLISH", channel, fmt.Sprintf("2 X\n%07d %s", len(foreign), foreign)) // of another partition
	for _, junk := range []string{"", "junk", "{}", `{"v":1,"origin":"X","session":1,"clock":"3000000000000000"}`, strings.Repeat("x", 2000)} {
		s.CLI("PUBLISH", names.Heartbeat(false, partition.All), junk)
	}
	s.CLI("SET", names.Last("price", "BAD"), `{"version":"0000000000000009-X","event":{"bad":1}}`, "PX", "20000")
	good := tick("A", "BTC_USDT", 1, 1)
	a.publish(good)
	b.hearsNothingBut(good)
	if got := b.read("BAD"); got.err != nil || len(got.found) != 0 {
		t.Errorf("read %+v, want nothing", got)
	}
	// 16 messages, 5 heartbeats, 1 stored value.
	if st := b.stats(); st.Garbage != 22 || st.Drops[DropGarbage] != 14 {
		t.Errorf("B's stats: %+v", st)
	}
	told := map[string]int{}
	b.stop()
	close(b.log.lines)
	for line := range b.log.lines {
		for _, kind := range foreignNames {
			if strings.Contains(line, "no instance wrote") && strings.Contains(strings.ReplaceAll(line, `"`, ""), "what="+kind+" ") {
				told[kind]++
			}
		}
	}
	if want := map[string]int{"stored value": 1, "message": 1, "event": 1, "heartbeat": 1}; !maps.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}
