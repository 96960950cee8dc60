package runner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backbone/internal/feed"
)

// A log tells what goes on without a flood, and does not end with what is over.
func TestLinesOfTheLog(t *testing.T) {
	var got []string
	l := lines{of: map[feed.Reason]*line{}, log: func(reason feed.Reason, count uint64, last string) {
		got = append(got, fmt.Sprintf("%s %d %s", reason, count, last))
	}}
	begun := time.Now()
	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	want := func(want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		got = nil
	}
	happened := func(seconds int, reason feed.Reason, detail string) {
		l.happened(reason, counted{n: 1, detail: detail}, at(seconds))
	}
	happened(0, feed.Connected, "a")
	happened(30, feed.Lost, "b")
	happened(31, feed.NoConnect, "c")
	want("connected 1 a", "lost 1 b", "no_connect 1 c")
	happened(32, feed.Connected, "d")
	want("connected 1 d") // though it had a line half a minute ago
	happened(33, feed.Connected, "e")
	happened(34, feed.Gap, "f")
	happened(35, feed.Gap, "g")
	happened(36, feed.Lost, "h")
	happened(37, feed.Connected, "i")
	want("gap 1 f")
	l.waiting(at(60), false)
	want()
	l.waiting(at(97), false)
	want("gap 1 g", "lost 1 h", "connected 2 i") // in this order
	happened(98, feed.NoConnect, "j")
	happened(99, feed.Gap, "k")
	want("no_connect 1 j")
	l.waiting(at(100), true)
	want("gap 1 k")
	l.waiting(at(200), true)
	want()
	l.report(map[feed.Reason]counted{feed.Connected: {1, "l"}, feed.NoConnect: {2, "m"}, feed.Old: {3, ""}}, at(300))
	want("no_connect 2 m", "connected 1 l")
}
