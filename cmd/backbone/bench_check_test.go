package main

import (
	"fmt"
	"strings"
	"testing"
)

// checkRoom plays what one consumer hears of a room: "3" an event, "3s" a snapshot,
// "c2" a notice, "J" a join again, "9e" the end mark, "9se" the end mark as a snapshot,
// "9u" the end of the wait for it.
func checkRoom(t *testing.T, fromStart bool, heard string) tally {
	t.Helper()
	var r roomCheck
	var got tally
	r.join(fromStart)
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
			r.join(fromStart)
		case what == "":
			r.live(n, &got)
		case what == "c":
			r.conflated(n, &got)
		case what == "s":
			r.snapshot(n, &got)
		case what == "e":
			r.end(n, false, &got)
		case what == "se":
			r.end(n, true, &got)
		case what == "u":
			r.unfinished(n, false, &got)
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
		want       tally
	}{
		{why: "all in order", heard: "1 2 3 4e", want: tally{delivered: 3}},
		{why: "the first is missing", heard: "2 3 4e", want: tally{delivered: 2, lost: 1}},
		{why: "some are missing", heard: "1 4 8e", want: tally{delivered: 2, lost: 2 + 3}},
		{why: "the last are missing", heard: "1 5u", want: tally{delivered: 1, lost: 4}},
		{why: "nothing came", heard: "5u", want: tally{lost: 5}},
		{why: "nothing came to a late joiner but the mark was due", late: true, heard: "5u", want: tally{lost: 1}},
		{why: "a late joiner's first event sets the base", late: true, heard: "70 71 72e", want: tally{delivered: 2}},
		{why: "a late joiner loses one", late: true, heard: "70 72 73e", want: tally{delivered: 2, lost: 1}},
		{why: "conflated, exactly", heard: "1 c3 5 6 7e", want: tally{delivered: 3, conflated: 3}},
		{why: "conflated in parts", heard: "1 c1 c2 5 6e", want: tally{delivered: 2, conflated: 3}},
		{why: "conflated up to the end mark", heard: "1 c3 5e", want: tally{delivered: 1, conflated: 3}},
		{why: "conflated at the start", heard: "c4 5 6e", want: tally{delivered: 1, conflated: 4}},
		{why: "too few told", heard: "1 c2 5 6e", want: tally{delivered: 2, conflated: 2, lost: 1}},
		{why: "too many told", heard: "1 c4 5 6e", want: tally{delivered: 2, conflated: 4, miscounted: 1}},
		{why: "told of nothing left out", heard: "1 c1 2 3e", want: tally{delivered: 2, conflated: 1, miscounted: 1}},
		{why: "duplicated", heard: "1 2 2 3 4e", want: tally{delivered: 4, duplicated: 1}},
		{why: "duplicated later", heard: "1 2 3 1 4e", want: tally{delivered: 4, duplicated: 1}},
		{why: "out of order", heard: "1 3 2 4e", want: tally{delivered: 3, disordered: 1}},
		{why: "out of order, then duplicated", heard: "1 3 2 2 4e", want: tally{delivered: 4, disordered: 1, duplicated: 1}},
		{why: "older than the window", heard: "1 c98 100 2 101e", want: tally{delivered: 3, conflated: 98, disordered: 1}},
		{why: "the end mark twice", heard: "1 2e 2e", want: tally{delivered: 1, duplicated: 1}},
		{why: "joined again without a gap", heard: "1 2 J 3 4e", want: tally{delivered: 3}},
		{why: "joined again: what passed was missed", heard: "1 2 J 5s 6 7e", want: tally{delivered: 3, snapshots: 1, missed: 2}},
		{why: "joined again at the end", heard: "1 2 J 5se", want: tally{delivered: 2, missed: 2}},
		{why: "joined again after the end", heard: "1 2e J 2se", want: tally{delivered: 1}},
		{why: "joined again: losses after that are losses", heard: "1 J 3 5 6e", want: tally{delivered: 3, missed: 1, lost: 1}},
		{why: "a notice does not outlive its connection", heard: "1 c2 J 5 6e", want: tally{delivered: 2, conflated: 2, missed: 3}},
		{why: "a warm start", late: true, heard: "7s 8 9e", want: tally{delivered: 1, snapshots: 1}},
		{why: "a stale snapshot", heard: "1 2 1s 3e", want: tally{delivered: 2, snapshots: 1, disordered: 1}},
		{why: "recovered, and told of", heard: "1 4s c3 5 6e", want: tally{delivered: 2, snapshots: 1, conflated: 3}},
		{why: "recovered, and the recovered one not told of", heard: "1 4s c2 5 6e", want: tally{delivered: 2, snapshots: 1, conflated: 2}},
		{why: "recovered, and the others not told of", heard: "1 4s 5 6e", want: tally{delivered: 2, snapshots: 1, lost: 2}},
		{why: "snapshots out of order", late: true, heard: "4s 3s 5 6e", want: tally{delivered: 1, snapshots: 2, disordered: 1}},
	} {
		if got := checkRoom(t, !test.late, test.heard); got != test.want {
			t.Errorf("%s: %q:\n got %+v\nwant %+v", test.why, test.heard, got, test.want)
		}
	}
}

func TestBenchMessagesAreReadAsServersWriteThem(t *testing.T) {
	rooms := newBenchRooms(12)
	room := rooms.names[11]
	for text, want := range map[string]benchMessage{
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":1710000000123456789}`:         {room: 11, seq: 7, ts: 1710000000123456789},
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":0,"snapshot":true}`:           {room: 11, seq: 7, snapshot: true},
		`{"type":"conflated","room":"` + room + `","skipped":37}`:                                        {room: 11, notice: true, skipped: 37},
		`{"type":"price_update","instrument":"` + rooms.names[1] + `","price":18446744073709551,"ts":1}`: {room: 1, seq: 18446744073709551, ts: 1},
	} {
		got, ok := rooms.parse([]byte(text))
		if !ok || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "{}", `{"type":"joined","room":"A"}`,
		`{"type":"price_update","instrument":"` + room + `9","price":7,"ts":1}`, // room 119
		`{"type":"price_update","instrument":"` + room + `","price":7.0,"ts":1}`,
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":}`,
		`{"type":"price_update","instrument":"` + room + `","price":7,"ts":1,"x":1}`,
		`{"type":"price_update","instrument":"` + room + `","price":,"ts":1}`,
		`{"type":"price_update","instrument":"` + room + `","ts":1,"price":7}`,
		`{"type":"price_update","instrument":"` + room + `","price":12345678901234567890,"ts":1}`,
		`{"type":"conflated","room":"` + room + `","skipped":-1}`,
		`{"type":"conflated","room":"` + room + `"}`,
		`{"type":"conflated","room":"other","skipped":1}`,
	} {
		if got, ok := rooms.parse([]byte(text)); ok {
			t.Errorf("%s: got %+v, want no message of a bench room", text, got)
		}
	}
}
