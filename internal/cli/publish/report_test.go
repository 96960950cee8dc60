package publish

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/protocol"
)

// lines are what is written, line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- strings.TrimSuffix(string(p), "\n")
	return len(p), nil
}

// A feed that is all wrong has a few lines, then a line a second.
func TestComplaintsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := make(lines, 100)
		p := newPublication(&Cmd{}, cli.Streams{Err: said})
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
			var got []string
			for len(said) > 0 {
				got = append(got, <-said)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d lines, want %d: %q\nwant %q", len(got), len(want), got, want)
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
		expect()
		time.Sleep(countEvery)
		synctest.Wait()
		expect(of(175_001))
		// A lost connection has its line at once, after what was to be said before it.
		wrong(2)
		p.reports <- report{gone: client.ErrConnectionLost}
		synctest.Wait()
		expect("2 more like this: "+of(175_003), "connection lost: events sent before may be lost (--ack tells which)")
		wrong(2)
		close(p.reports)
		<-ended
		expect("2 more like this: " + of(175_005))
		if p.rejected != 175_005 {
			t.Errorf("%d are counted", p.rejected)
		}
	})
}
