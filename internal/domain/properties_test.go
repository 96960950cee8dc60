package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

// check holds one message against the reference, and what is made of it against the
// promises about events.
func check(t testing.TB, msg []byte) {
	answers := handle(t, common.NewDecoder(), msg)
	elements := elements(msg)
	if len(elements) == 0 && answers[0].index >= 0 {
		checkBroken(t, msg, answers)
		return
	}
	if len(elements) == 0 {
		if len(answers) != 1 || answers[0].err == nil || !strings.HasPrefix(answers[0].err.Error(), "invalid_json: ") {
			t.Errorf("%q is neither an object nor a filled array, and gave %v", msg, answers)
		}
		return
	}
	if len(answers) != len(elements) {
		t.Fatalf("%q has %d elements, and gave %v", msg, len(elements), answers)
	}
	for i, a := range answers {
		want, err := reference(elements[i])
		if (a.err == nil) != (err == nil) || a.err == nil && a.event.Payload != want {
			t.Errorf("%q\n got %v\nwant %s, %v", elements[i], a, want, err)
		}
		if a.err == nil {
			checkEvent(t, a)
		} else if len(a.err.Error()) > 1000 || !utf8.ValidString(a.err.Error()) {
			t.Errorf("%q: the error is no text for a client: %q", elements[i], a.err)
		}
		if n := utf8.RuneCountInString(a.id); n > protocol.MaxIDLength {
			t.Errorf("%q: an id of %d characters is echoed", elements[i], n)
		}
	}
}

// checkBroken holds an array that is not JSON, but whose elements can be told apart, to what is
// certain about any such: each element has its answer, and one is not JSON.
func checkBroken(t testing.TB, msg []byte, answers []answer) {
	broken := false
	for i, a := range answers {
		if a.index != i {
			t.Errorf("%q: answer %d is to element %d", msg, i, a.index)
		}
		if a.err == nil {
			checkEvent(t, a)
		} else if strings.HasPrefix(a.err.Error(), "invalid_json: ") {
			broken = true
		}
	}
	if !broken || msg[0] == '{' || json.Valid(msg) && !strings.Contains(string(msg), `\u`) && utf8.Valid(msg) {
		t.Errorf("%q gave %v", msg, answers)
	}
}

func codeOf(err error) protocol.Code {
	if coded, ok := errors.AsType[*common.RequestError](err); ok {
		return coded.Code
	}
	return ""
}

// TestOneBadElementCostsItself: whatever an array mixes, each element fares as it does alone, and
// those that are not JSON lose nobody else.
func TestOneBadElementCostsItself(t *testing.T) {
	t.Parallel()
	good := func(price string) string {
		return `{"type":"price_update","instrument":"A","price":` + price + `,"ts":1,"id":"7"}`
	}
	pool := []string{
		good("1"), good("2.50"), good(`"3"`), `{"type":"price_update","instrument":"A","price":1e2,"ts":1}`, `5`, `{}`, `[{"type":"x"}]`, `"],["`,
		good("NaN"), good("-Infinity"), good("1."), good("None"), good(`"\ud83d"`), `NaN`, ``, `undefined`, `{"a":1,}`, `[1,]`, `{a:1}`, "\"\n\"", `"\q"`, `'a'`,
	}
	rapid.Check(t, func(t *rapid.T) {
		elements := rapid.SliceOfN(rapid.SampledFrom(pool), 2, 8).Draw(t, "elements")
		got := handle(t, common.NewDecoder(), []byte("["+strings.Join(elements, " ,\n")+"]"))
		if len(got) != len(elements) {
			t.Fatalf("%q gave %v", elements, got)
		}
		for i, element := range elements {
			alone := handle(t, common.NewDecoder(), []byte("["+element+"]"))[0]
			if element == "" { // alone it is no element
				alone = answer{err: &common.RequestError{Code: protocol.CodeInvalidJSON}}
			}
			same := alone.event == got[i].event && alone.id == got[i].id && (alone.err == nil) == (got[i].err == nil)
			if alone.err != nil && got[i].err != nil {
				same = same && codeOf(alone.err) == codeOf(got[i].err)
			}
			if got[i].index != i || !same {
				t.Errorf("%q as element %d: %v, alone %v", element, i, got[i], alone)
			}
		}
	})
}

func checkEvent(t testing.TB, a answer) {
	ev := a.event
	if !json.Valid([]byte(ev.Payload)) || !utf8.ValidString(ev.Payload) {
		t.Errorf("not valid JSON: %q", ev.Payload)
	}
	if !protocol.ValidRoom(ev.Room) {
		t.Errorf("room %q of %q", ev.Room, ev.Payload)
	}
	if len(ev.Payload) > protocol.MaxMessageBytes*2 {
		t.Errorf("an event of %d bytes", len(ev.Payload))
	}
	if a.ends != "" {
		if a.ends != protocol.TypePriceUpdate || ev.Payload != protocol.Retired(ev.Room) || !protocol.IsRetired(ev.Payload) {
			t.Errorf("%+v", ev)
		}
		return
	}
	// An event is its own canonical form.
	if again := handle(t, common.NewDecoder(), []byte(ev.Payload)); len(again) != 1 || again[0].err != nil || again[0].event != ev {
		t.Errorf("%+v\nbecame %+v", ev, again)
	}
}

// elements returns the objects that a message should be taken apart into: none if it is
// to be refused as a whole.
func elements(msg []byte) []json.RawMessage {
	// encoding/json takes half of a surrogate pair, and text that is not UTF-8, for a
	// replacement character. Both are refused here.
	if !json.Valid(msg) || !jsontext.Value(msg).IsValid(jsontext.AllowDuplicateNames(true)) {
		return nil
	}
	msg = []byte(strings.TrimSpace(string(msg)))
	switch msg[0] {
	case '{':
		return []json.RawMessage{msg}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(msg, &list) != nil {
			return nil
		}
		return list
	}
	return nil
}

func FuzzDomains(f *testing.F) {
	vectors(f, func(_, msg string, _ []string) { f.Add([]byte(msg)) })
	f.Fuzz(func(t *testing.T, msg []byte) { check(t, msg) })
}

// spelled is s as a JSON string with some of its characters escaped at random.
func spelled(t *rapid.T, s string) string {
	var b strings.Builder
	for _, r := range s {
		if r <= 0xffff && rapid.IntRange(0, 9).Draw(t, "escape") == 0 {
			fmt.Fprintf(&b, `\u%04X`, r)
		} else {
			q := quote(string(r))
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return `"` + b.String() + `"`
}

// TestAnySpelling: whatever order, blanks and escapes a client chooses, a valid message
// becomes the one canonical event.
func TestAnySpelling(t *testing.T) {
	t.Parallel()
	blank := rapid.StringMatching(`[ \t\r\n]{0,2}`)
	name := rapid.Map(rapid.StringMatching(`[\pL\pM\pN\pP\pS]{1,14}( [\pL\pM\pN\pP\pS]{1,14})?`), func(s string) string {
		return strings.NewReplacer(`"`, "{", `\`, "}").Replace(s)
	})
	price := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		room, want, fields := name.Draw(t, "room"), "", []string(nil)
		field := func(name, value string) { fields = append(fields, spelled(t, name)+blank.Draw(t, "blank")+":"+value) }
		if rapid.Bool().Draw(t, "price") {
			p, ts := price.Draw(t, "price"), rapid.Int64Range(0, math.MaxInt64).Draw(t, "ts")
			field("type", spelled(t, "price_update"))
			field("instrument", spelled(t, room))
			field("price", p)
			field("ts", fmt.Sprint(ts))
			want = fmt.Sprintf(`{"type":"price_update","instrument":"%s","price":%s,"ts":%d`, room, p, ts)
			if rapid.Bool().Draw(t, "with data") {
				data := "{" + blank.Draw(t, "blank") + spelled(t, rapid.String().Draw(t, "key")) + ":" + rapid.SampledFrom([]string{
					"1.50", "[ {} ]", `"}\\\""`, "null",
				}).Draw(t, "value") + blank.Draw(t, "blank") + "}"
				field("data", data)
				want += `,"data":` + data
			}
			want += "}"
		} else {
			data := rapid.String().Draw(t, "data")
			field("type", spelled(t, "message"))
			field("room", spelled(t, room))
			field("data", spelled(t, data))
			want = fmt.Sprintf(`{"type":"message","room":"%s","data":%s}`, room, quote(data))
		}
		id := ""
		if rapid.Bool().Draw(t, "with id") {
			id = rapid.StringN(1, protocol.MaxIDLength, -1).Draw(t, "id")
			field("id", spelled(t, id))
		}
		var msg strings.Builder
		for i, f := range rapid.Permutation(fields).Draw(t, "order") {
			msg.WriteString([]string{"{", ","}[min(i, 1)] + blank.Draw(t, "blank") + f + blank.Draw(t, "blank"))
		}
		msg.WriteString("}" + blank.Draw(t, "blank"))

		answers := handle(t, common.NewDecoder(), []byte(msg.String()))
		if len(answers) != 1 || answers[0].err != nil || answers[0].id != id {
			t.Fatalf("%q gave %v", msg.String(), answers)
		}
		if ev := answers[0].event; ev.Payload != want || ev.Room != room {
			t.Fatalf("%q\n got %+v\nwant %s", msg.String(), ev, want)
		}
	})
}
