package publish

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/cli"
	"backbone/protocol"
)

// A feed that is all wrong has a few lines, then a line a second.
func TestComplaintsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		p := newPublication(&Cmd{}, cli.Streams{Err: &said})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.report(t.Context())
		}()
		line := 0
		wrong := func(n int) {
			for range n {
				line++
				p.reports <- report{line: line, err: &lineError{line, protocol.CodeInvalidEvent, "price: missing"}}
			}
			synctest.Wait()
		}
		expect := func(want ...string) {
			t.Helper()
			got := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
			if said.Reset(); len(got) != len(want) {
				t.Fatalf("%d lines, want %d: %q", len(got), len(want), got)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("said %q, want %q", got[i], want[i])
				}
			}
		}
		of := func(line int) string { return fmt.Sprintf("line %d: invalid_event: price: missing", line) }
		var first []string
		for n := range linesAtOnce {
			first = append(first, of(n+1))
		}
		wrong(175_000)
		expect(first...)
		time.Sleep(countEvery)
		synctest.Wait()
		expect("174,980 more like this: " + of(175_000))
		wrong(1)
		expect("")
		time.Sleep(countEvery)
		synctest.Wait()
		expect(of(175_001))
		wrong(2)
		close(p.reports)
		<-ended
		expect("2 more like this: " + of(175_003))
		if p.rejected != 175_003 {
			t.Errorf("%d are counted", p.rejected)
		}
	})
}
