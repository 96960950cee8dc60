package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/hub"
)

// play runs a script on an instance that has others and knows the types price and book. It
// returns a line for each step that passed anything on to the hub, or put anything into the
// outbox: "<step> -> <what>". The steps are
//
//	join ROOM            a client that wants to be told if there is no value
//	leave ROOM
//	local TYPE ROOM N    a live value of this instance
//	remote TYPE ROOM N   a live value of another instance, its number N, set N ms after the epoch
//	offer TYPE ROOM N    the same, offered again
//	resync TYPE ROOM N   another instance requests what is newer than that
//	generation           begins in all partitions
//	found TYPE ROOM N …  the result of the read that is pending; without values nothing was found
//	wait SECONDS
//
// A value of the type gone is one of the type price that says that there is none any more.
func play(t *testing.T, script string) (lines []string) {
	t.Helper()
	b := newBox(t, true, func(o *Options) { o.Types = []string{"price", "book"} })
	for _, step := range strings.Split(script, "; ") {
		f := strings.Fields(step)
		value := func(f []string) hub.BroadcastEvent {
			n, err := strconv.Atoi(f[2])
			if err != nil {
				t.Fatalf("%q: %v", step, err)
			}
			e := from("other", f[1], int64(n), uint64(n), f[0]+f[2])
			if e.Type = f[0]; e.Type == "gone" {
				e.Type = "price"
			}
			return e
		}
		var got string
		switch f[0] {
		case "join":
			got = b.join(f[1])
		case "leave":
			b.unwatch(f[1:2], nil)
		case "local":
			e := hub.BroadcastEvent{Room: f[2], Type: value(f[1:]).Type, Payload: f[1] + f[3]}
			pass, _ := b.publish("p", []hub.BroadcastEvent{e}, b.now)
			got = describe(pass)
		case "remote":
			got = b.take(value(f[1:]))
		case "offer":
			got = b.take(again(value(f[1:])))
		case "resync":
			e := value(f[1:])
			e.Kind = hub.Resync
			got = b.take(e)
		case "generation":
			b.link(everyone)
		case "found":
			var found []hub.BroadcastEvent
			for at := 1; at < len(f); at += 3 {
				found = append(found, again(value(f[at:])))
			}
			got = b.answer(found...)
		case "wait":
			s, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatalf("%q: %v", step, err)
			}
			b.wait(time.Duration(s) * time.Second)
			got = b.settle()
		default:
			t.Fatalf("there is no step %q", step)
		}
		if got != "" {
			lines = append(lines, step+" -> "+got)
		}
		if out := sentTypes(b); out != "" && f[0] != "local" {
			lines = append(lines, step+" sends "+out)
		}
	}
	return lines
}

// sentTypes takes the batch for the bridge and describes it with types.
func sentTypes(b *box) string {
	defer b.outboxSent()
	var all []string
	for _, e := range b.out.Events() {
		all = append(all, fmt.Sprint(kinds[e.Kind], " ", e.Type, " ", e.Room))
	}
	return strings.Join(all, ", ")
}

func TestTypesShareARoom(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{
			"a joiner gets the newest of each type",
			"local price X 1; local book X 2; local price X 3; join X",
			`local price X 1 -> live X price1
			local book X 2 -> live X book2
			local price X 3 -> live X price3
			join X -> warm X price3!; warm X book2!`,
		},
		{
			"a type is compared with itself only",
			"join X; generation; found; remote book X 9; remote price X 5; remote price X 4; remote book X 8",
			`join X -> absent X no X
			found sends resync price X, resync book X
			remote book X 9 -> live X book9
			remote price X 5 -> live X price5`,
		},
		{
			"a joiner does not get a type past its life, and gets the others",
			"local price X 1; wait 29; local book X 2; wait 1; join X",
			`local price X 1 -> live X price1
			local book X 2 -> live X book2
			join X -> warm X book2!`,
		},
		{
			"a read finds each type, and none is given twice",
			"remote price X 1; join X; generation; join X; found price X 2 book X 3; join X",
			`join X -> warm X price1!
			generation sends recovered price X
			found price X 2 book X 3 -> recovered X price2!; recovered X book3!
			found price X 2 book X 3 sends resync price X, resync book X
			join X -> warm X price2!; warm X book3!`,
		},
		{
			"a read finds one type, and memory has the other",
			"remote price X 5; join X; generation; join X; found book X 3",
			`join X -> warm X price5!
			generation sends recovered price X
			found book X 3 -> recovered X book3!; warm X price5!
			found book X 3 sends resync price X, resync book X`,
		},
		{
			"a resync request is answered with its type",
			"remote price X 5; remote book X 6; resync book X 1; wait 1; resync price X 7; wait 1",
			`wait 1 sends recovered book X`,
		},
		{
			"numbers are counted by type",
			"join X; remote price X 1; remote book X 1; remote book X 4; remote price X 2",
			`join X -> absent X no X
			remote price X 1 -> live X price1
			remote book X 1 -> live X book1
			remote book X 4 -> live X book4 missed=2
			remote price X 2 -> live X price2`,
		},
		{
			"the feed is silent when no type is live",
			"join X; remote price X 1; wait 20; remote book X 20000; wait 20; wait 11",
			`join X -> absent X no X
			remote price X 1 -> live X price1
			remote book X 20000 -> live X book20000
			wait 11 -> status X X silent=true since=20000`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want(t, test.script, strings.Join(play(t, test.script), "\n"), strings.ReplaceAll(test.want, "\t", ""))
		})
	}
}

func TestTypesBeyondTheLimit(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.Types, o.MaxInstruments = []string{"price", "book"}, 1 })
	value := func(typ, room string, n uint64) hub.BroadcastEvent {
		e := from("other", room, int64(n), n, typ)
		e.Type = typ
		return e
	}
	b.join("X")
	want(t, "the types that are known, of a room with members", b.take(value("price", "X", 1), value("book", "X", 2)), "live X price; live X book")
	want(t, "a type that is not", b.take(value("trade", "X", 3)), "")
	want(t, "a room without members", b.take(value("price", "Y", 4)), "")
	b.opts.MaxInstruments = 1000
	for i := range 2 * maxTypes {
		b.take(value(strconv.Itoa(i), "Z", uint64(i)))
	}
	if got := b.table.find("Z").types; got != maxTypes {
		t.Errorf("a room has %d types, want %d at most", got, maxTypes)
	}
	if s := b.count(); s.Untracked != 2+maxTypes || s.Instruments != 2+maxTypes {
		t.Errorf("counted %d untracked and %d instruments, want %d and %d", s.Untracked, s.Instruments, 2+maxTypes, 2+maxTypes)
	}
}
