package load

import (
	"fmt"
	"strings"
	"testing"
)

// checkRoom plays what one consumer hears of a room: "3" an event, "3s" a snapshot,
// "c2" a notice, "J" a join again, "9e" the end mark, "9se" the end mark as a snapshot,
// "9u" the end of the wait for it.
func checkRoom(t *testing.T, fromStart bool, heard string) Tally {
	t.Helper()
	var r RoomCheck
	var got Tally
	r.Join(fromStart)
	for _, word := range strings.Fields(heard) {
		var n uint64
		var what string
		if number, notice := strings.CutPrefix(word, "c"); notice {
			word = number + "c"
		}
		if word != "J" {
			if _, err := fmt.Sscanf(word+" ", "%d%s", &n, &what); err != nil && what != "" {
				t.Fatal(word, err)
			}
		}
		switch {
		case word == "J":
			r.Join(fromStart)
		case what == "":
			r.Live(n, &got)
		case what == "c":
			r.Conflated(n, &got)
		case what == "s":
			r.Snapshot(n, &got)
		case what == "e":
			r.End(n, false, &got)
		case what == "se":
			r.End(n, true, &got)
		case what == "u":
			r.Unfinished(n, false, &got)
		default:
			t.Fatalf("%q?", word)
		}
	}
	return got
}

func TestCheckOfARoom(t *testing.T) {
	for _, test := range []struct {
		why, heard string
		late       bool // joined after the start
		want       Tally
	}{
		{why: "all in order", heard: "1 2 3 4e", want: Tally{Delivered: 3}},
		{why: "the first is missing", heard: "2 3 4e", want: Tally{Delivered: 2, Lost: 1}},
		{why: "some are missing", heard: "1 4 8e", want: Tally{Delivered: 2, Lost: 2 + 3}},
		{why: "the last are missing", heard: "1 5u", want: Tally{Delivered: 1, Lost: 4}},
		{why: "nothing came", heard: "5u", want: Tally{Lost: 5}},
		{why: "nothing came to a late joiner but the mark was due", late: true, heard: "5u", want: Tally{Lost: 1}},
		{why: "a late joiner's first event sets the base", late: true, heard: "70 71 72e", want: Tally{Delivered: 2}},
		{why: "a late joiner loses one", late: true, heard: "70 72 73e", want: Tally{Delivered: 2, Lost: 1}},
		{why: "conflated, exactly", heard: "1 c3 5 6 7e", want: Tally{Delivered: 3, Conflated: 3}},
		{why: "conflated in parts", heard: "1 c1 c2 5 6e", want: Tally{Delivered: 2, Conflated: 3}},
		{why: "conflated up to the end mark", heard: "1 c3 5e", want: Tally{Delivered: 1, Conflated: 3}},
		{why: "conflated at the start", heard: "c4 5 6e", want: Tally{Delivered: 1, Conflated: 4}},
		{why: "too few told", heard: "1 c2 5 6e", want: Tally{Delivered: 2, Conflated: 2, Lost: 1}},
		{why: "too many told", heard: "1 c4 5 6e", want: Tally{Delivered: 2, Conflated: 4, Miscounted: 1}},
		{why: "told of nothing left out", heard: "1 c1 2 3e", want: Tally{Delivered: 2, Conflated: 1, Miscounted: 1}},
		{why: "duplicated", heard: "1 2 2 3 4e", want: Tally{Delivered: 4, Duplicated: 1}},
		{why: "duplicated later", heard: "1 2 3 1 4e", want: Tally{Delivered: 4, Duplicated: 1}},
		{why: "out of order", heard: "1 3 2 4e", want: Tally{Delivered: 3, Disordered: 1}},
		{why: "out of order, then duplicated", heard: "1 3 2 2 4e", want: Tally{Delivered: 4, Disordered: 1, Duplicated: 1}},
		{why: "older than the window", heard: "1 c98 100 2 101e", want: Tally{Delivered: 3, Conflated: 98, Disordered: 1}},
		{why: "the end mark twice", heard: "1 2e 2e", want: Tally{Delivered: 1, Duplicated: 1}},
		{why: "joined again without a gap", heard: "1 2 J 3 4e", want: Tally{Delivered: 3}},
		{why: "joined again: what passed was missed", heard: "1 2 J 5s 6 7e", want: Tally{Delivered: 3, Snapshots: 1, Missed: 2}},
		{why: "joined again at the end", heard: "1 2 J 5se", want: Tally{Delivered: 2, Missed: 2}},
		{why: "joined again after the end", heard: "1 2e J 2se", want: Tally{Delivered: 1}},
		{why: "joined again: losses after that are losses", heard: "1 J 3 5 6e", want: Tally{Delivered: 3, Missed: 1, Lost: 1}},
		{why: "a notice does not outlive its connection", heard: "1 c2 J 5 6e", want: Tally{Delivered: 2, Conflated: 2, Missed: 3}},
		{why: "a warm start", late: true, heard: "7s 8 9e", want: Tally{Delivered: 1, Snapshots: 1}},
		{why: "a stale snapshot", heard: "1 2 1s 3e", want: Tally{Delivered: 2, Snapshots: 1, Disordered: 1}},
		{why: "recovered, and told of", heard: "1 4s c3 5 6e", want: Tally{Delivered: 2, Snapshots: 1, Conflated: 3}},
		{why: "recovered, and the recovered one not told of", heard: "1 4s c2 5 6e", want: Tally{Delivered: 2, Snapshots: 1, Conflated: 2}},
		{why: "recovered, and the others not told of", heard: "1 4s 5 6e", want: Tally{Delivered: 2, Snapshots: 1, Lost: 2}},
		{why: "snapshots out of order", late: true, heard: "4s 3s 5 6e", want: Tally{Delivered: 1, Snapshots: 2, Disordered: 1}},
	} {
		if got := checkRoom(t, !test.late, test.heard); got != test.want {
			t.Errorf("%s: %q:\n got %+v\nwant %+v", test.why, test.heard, got, test.want)
		}
	}
}
