// Package domain_test holds the domains to the wire: vectors, an independent reading of
// the rules, and properties of whatever they accept.
package domain_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"backbone/internal/domain/chat"
	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
)

func domains() common.Domains {
	return common.NewDomains(trading.PriceUpdate{}, trading.Retire{}, chat.Message{})
}

// answer is what became of one object of a message.
type answer struct {
	index int
	id    string
	event common.Event
	err   error
}

// String is the answer as the vectors spell it.
func (a answer) String() string {
	if a.err == nil {
		return "< " + a.event.Payload
	}
	var b strings.Builder
	b.WriteString("! ")
	if a.index >= 0 {
		fmt.Fprintf(&b, "index %d ", a.index)
	}
	if a.id != "" {
		fmt.Fprintf(&b, "id %q ", a.id)
	}
	return b.String() + a.err.Error()
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

// vectors calls each for every message of the files, with the lines that must answer it.
func vectors(t testing.TB, each func(where, msg string, want []string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		for i := 0; i < len(lines); i++ {
			msg, ok := strings.CutPrefix(lines[i], "> ")
			if !ok {
				if lines[i] != "" && lines[i][0] != '#' {
					t.Fatalf("%s:%d: an answer to nothing", file, i+1)
				}
				continue
			}
			start := i + 1
			for i+1 < len(lines) && (strings.HasPrefix(lines[i+1], "< ") || strings.HasPrefix(lines[i+1], "! ")) {
				i++
			}
			each(fmt.Sprintf("%s:%d", file, start), msg, lines[start:i+1])
		}
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
