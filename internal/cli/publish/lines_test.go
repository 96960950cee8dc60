package publish

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"backbone/client"
	"backbone/protocol"
)

// readAll returns the events of text, and what was wrong by line.
func readAll(t *testing.T, text string) ([]client.PriceUpdate, map[int]*lineError) {
	t.Helper()
	r := newEventReader(iotest.HalfReader(strings.NewReader(text)))
	var events []client.PriceUpdate
	wrong := map[int]*lineError{}
	for {
		u, err := r.next()
		if errors.Is(err, io.EOF) {
			return events, wrong
		}
		if bad, ok := errors.AsType[*lineError](err); ok {
			wrong[bad.line] = bad
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, u)
	}
}

func TestLinesKeepTheTextOfPrices(t *testing.T) {
	events, wrong := readAll(t, `{"type":"price_update","instrument":"A","price":1.10,"ts":1}

  {"ts":9223372036854775807, "price":1e2 , "id":"x", "instrument":"\u0042", "type":"price_update"}  `+"\r\n"+
		`{"type":"price_update","instrument":"A","price":-0.0,"ts":0,"data":{ "size":1.0, "a":1, "a":2 }}`)
	want := []client.PriceUpdate{{Instrument: "A", Price: "1.10", TS: 1}, {Instrument: "B", Price: "1e2", TS: 1<<63 - 1}, {Instrument: "A", Price: "-0.0", Data: json.RawMessage(`{ "size":1.0, "a":1, "a":2 }`)}}
	if len(wrong) != 0 || !reflect.DeepEqual(events, want) {
		t.Errorf("events %+v, wrong %v; want %+v", events, wrong, want)
	}
}

func TestAWrongLineIsNamedAndTheOthersAreRead(t *testing.T) {
	const good = `{"type":"price_update","instrument":"A","price":1,"ts":1}`
	for line, code := range map[string]protocol.Code{
		`nonsense`:                        protocol.CodeInvalidJSON,
		`[` + good + `]`:                  protocol.CodeInvalidJSON,
		`42`:                              protocol.CodeInvalidJSON,
		good + `x`:                        protocol.CodeInvalidJSON,
		good + ` {}`:                      protocol.CodeInvalidJSON,
		good[:len(good)-1]:                protocol.CodeInvalidJSON,
		good[:len(good)-1] + `,`:          protocol.CodeInvalidJSON,
		good[:len(good)-1] + `,"ts":2}`:   protocol.CodeInvalidJSON, // a key twice
		good[:len(good)-1] + `,"x":2}`:    protocol.CodeUnknownField,
		good[:len(good)-1] + `,"id":2}`:   protocol.CodeInvalidEvent,
		good[:len(good)-1] + `,"data":2}`: protocol.CodeInvalidEvent,
		strings.Replace(good, "1", "", 1): protocol.CodeInvalidJSON,
		`{"type":"price_update"}`:         protocol.CodeInvalidEvent,
		`{"type":"message"}`:              protocol.CodeUnknownType,
		`{"type":1}`:                      protocol.CodeUnknownType,
		`{"Type":"price_update"}`:         protocol.CodeUnknownField,
		`{"type":"price_update","instrument":"A","price":"1","ts":1}`:                          protocol.CodeInvalidEvent,
		`{"type":"price_update","instrument":"A","price":1,"ts":1.5}`:                          protocol.CodeInvalidEvent,
		`{"type":"price_update","instrument":"A","price":1,"ts":"1"}`:                          protocol.CodeInvalidEvent,
		`{"type":"price_update","instrument":"A","price":1,"ts":9223372036854775808}`:          protocol.CodeInvalidEvent,
		`{"type":"price_update","instrument":1,"price":1,"ts":1}`:                              protocol.CodeInvalidEvent,
		`{"type":"price_update","instrument":"` + strings.Repeat("a", 200000) + `","price":1}`: protocol.CodeInvalidEvent,
		"{\"type\":\"price_update\",\"instrument\":\"\xff\",\"price\":1,\"ts\":1}":             protocol.CodeInvalidJSON,
	} {
		events, wrong := readAll(t, good+"\n"+line+"\n"+good)
		if len(events) != 2 || len(wrong) != 1 || wrong[2] == nil || wrong[2].code != code || wrong[2].message == "" {
			t.Errorf("%.90s: %d events, wrong %v; want 2, and line 2 with %s", line, len(events), wrong, code)
		}
	}
}

func TestAnErrorOfReadingIsNoLine(t *testing.T) {
	r := newEventReader(iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestAByteOrderMarkIsLeftOutAndUTF16IsCalledByItsName(t *testing.T) {
	const line = `{"type":"price_update","instrument":"A","price":1,"ts":1}`
	if events, wrong := readAll(t, "\ufeff"+line+"\n"+line); len(events) != 2 || len(wrong) > 0 {
		t.Errorf("%d events of 2 were read, wrong: %v", len(events), wrong)
	}
	if events, wrong := readAll(t, line+"\n\ufeff"+line); len(events) != 1 || wrong[2] == nil {
		t.Errorf("a mark inside: %d events, wrong: %v", len(events), wrong)
	}
	for name, text := range map[string]string{
		"little": "\xff\xfe{\x00\"\x00", "big": "\xfe\xff\x00{", "little without a mark": "{\x00\"\x00", "big without a mark": "\x00{\x00\"",
	} {
		if _, err := newEventReader(strings.NewReader(text)).next(); !errors.Is(err, errUTF16) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoErrorNamesTheLibrary(t *testing.T) {
	for _, text := range []string{"{nonsense", `{"type":nonsense}`, `{"type":"price_update"`, `{"type" 1}`, `{"type":"price_update",}`} {
		_, wrong := readAll(t, text)
		if wrong[1] == nil || strings.Contains(wrong[1].message, "jsontext") {
			t.Errorf("%s: %v", text, wrong[1])
		}
	}
}
