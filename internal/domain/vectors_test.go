// Package domain_test holds the domains to the wire: vectors, an independent reading of
// the rules, and properties of whatever they accept.
package domain_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"backbone/internal/conformance"
	"backbone/internal/domain/chat"
	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/protocol"
)

func domains() common.Domains {
	return common.NewDomains(trading.PriceUpdate{}, trading.Retire{}, chat.Message{})
}

// answer is what became of one object of a message.
type answer struct {
	index int
	id    string
	event common.Event
	ends  string // the type whose value the event ends
	err   error
}

// String is the answer as the vectors spell it.
func (a answer) String() string {
	if a.err == nil {
		return "=> " + a.event.Payload
	}
	m := protocol.ServerMessage{Type: protocol.TypeError, ID: a.id, Message: a.err.Error()}
	if e, ok := errors.AsType[*common.RequestError](a.err); ok {
		m.Code, m.Message = e.Code, e.Message
	}
	if a.index >= 0 {
		m.Index = &a.index
	}
	return "<- " + string(m.Append(nil))
}

// handle takes a message the way a ReadPump does.
func handle(t rapid.TB, dec *common.Decoder, msg []byte) []answer {
	t.Helper()
	var answers []answer
	err := dec.Batch(msg, func(index int, obj *common.Object, err error) bool {
		a := answer{index: index, err: err}
		a.id, _ = obj.ID()
		if err == nil {
			if domain, ok := domains().Lookup(obj.Type()); ok {
				a.event, a.err = domain.Validate(obj)
				a.ends = domain.Ends()
			} else {
				a.err = &common.RequestError{Code: "unknown_type", Message: "-"}
			}
		}
		answers = append(answers, a)
		return true
	})
	if err != nil {
		if len(answers) > 0 {
			t.Errorf("%s: %v, after %d objects were taken", msg, err, len(answers))
		}
		answers = append(answers, answer{index: -1, err: err})
	}
	for _, a := range answers {
		if _, coded := errors.AsType[*common.RequestError](a.err); a.err != nil && !coded {
			t.Errorf("%s: error %T without a code", msg, a.err)
		}
	}
	return answers
}

// vectors calls each for every message of the domains' vectors, with the lines that must answer it.
// Acks are not the domains'.
func vectors(t testing.TB, each func(where, msg string, want []string)) {
	t.Helper()
	sections, err := conformance.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range sections {
		if !slices.Contains([]string{"vectors/price_update.md", "vectors/message.md", "vectors/retire.md"}, s.Page) {
			continue
		}
		for _, b := range s.Blocks("consumer", "ingestor") {
			for i, line := range b.Lines {
				msg, ok := strings.CutPrefix(line, "-> ")
				if !ok {
					continue
				}
				var want []string
				for _, answer := range b.Lines[i+1:] {
					if strings.HasPrefix(answer, "-> ") {
						break
					}
					if !strings.HasPrefix(answer, `<- {"type":"ack"`) {
						want = append(want, answer)
					}
				}
				n++
				each(fmt.Sprintf("%s:%d", s.Page, b.Line), msg, want)
			}
		}
	}
	if n < 40 {
		t.Fatalf("found only %d vectors", n)
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	dec := common.NewDecoder()
	vectors(t, func(where, msg string, want []string) {
		var got []string
		for _, a := range handle(t, dec, []byte(msg)) {
			got = append(got, a.String())
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %s\n got %s\nwant %s", where, msg, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	})
}
