package ingest

import (
	"fmt"
	"strings"
	"testing"

	"backbone/internal/hub"
)

func TestRetired(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{
			"members hear of it, and who joins later is told of no price",
			"local price X 1; join X; local gone X 2; join X; local price X 3; join X",
			`local price X 1 -> live X price1
			join X -> warm X price1!
			local gone X 2 -> live X gone2
			join X -> absent X no X
			local price X 3 -> live X price3
			join X -> warm X price3!`,
		},
		{
			"no older price comes back, from whom it may be",
			"join X; generation; found; remote price X 5; remote gone X 7; remote price X 6; offer price X 6; generation; found price X 6; join X",
			`join X -> absent X no X
			found sends resync price X, resync book X
			remote price X 5 -> live X price5
			remote gone X 7 -> live X gone7 missed=1
			generation sends recovered price X
			found price X 6 sends resync book X, resync price X
			join X -> absent X no X`,
		},
		{
			"who missed it learns of it by a read",
			"join X; remote price X 5; generation; found gone X 7; join X",
			`join X -> absent X no X
			remote price X 5 -> live X price5
			generation sends recovered price X
			found gone X 7 -> recovered X gone7!
			found gone X 7 sends resync book X, resync price X
			join X -> absent X no X`,
		},
		{
			"or by an offer",
			"join X; remote price X 5; offer gone X 7",
			`join X -> absent X no X
			remote price X 5 -> live X price5
			offer gone X 7 -> recovered X gone7! missed=2`,
		},
		{
			"who knew of no price hears nothing",
			"join X; generation; join X; found gone X 7; join X",
			`join X -> absent X no X
			found gone X 7 -> absent X no X
			found gone X 7 sends resync book X, resync price X
			join X -> absent X no X`,
		},
		{
			"it is offered to others as a price is",
			"local price X 1; local gone X 2; generation",
			`local price X 1 -> live X price1
			local gone X 2 -> live X gone2
			generation sends recovered price X`,
		},
		{
			"another type of the room lives on",
			"local price X 1; local book X 2; local gone X 3; join X",
			`local price X 1 -> live X price1
			local book X 2 -> live X book2
			local gone X 3 -> live X gone3
			join X -> warm X book2!`,
		},
	} {
		var want []string
		for l := range strings.Lines(test.want) {
			want = append(want, strings.TrimSpace(l))
		}
		if got := play(t, test.script); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// What is retired gives its place to the first that needs one. Where there is none, retiring takes
// none from a living instrument.
func TestARetiredInstrumentGivesItsPlace(t *testing.T) {
	b := newBox(t, true, func(o *Options) { o.MaxInstruments = 3 })
	publish := func(producer, room, payload string) (passed bool) {
		pass, rejected := b.publish(producer, []hub.BroadcastEvent{{Room: room, Payload: payload}}, b.now)
		return len(pass) == 1 && len(rejected) == 0
	}
	for n := range 3 {
		publish("p", fmt.Sprint("I", n), "1")
	}
	if publish("p", "NEW", "1") {
		t.Fatal("a fourth instrument has a place")
	}
	if publish("q", "UNKNOWN", "gone") || b.table.find("UNKNOWN") != nil || b.table.known != 3 {
		t.Error("retiring what is not known took a place")
	}
	if b.take(again(from("other", "UNKNOWN", 5, 5, "gone"))); b.table.find("UNKNOWN") != nil || b.count().Untracked != 1 {
		t.Error("what another instance retired took a place")
	}
	if b.join("JOINED"); !publish("q", "JOINED", "gone") || b.table.known != 4 {
		t.Error("the members of a room do not hear that it is retired")
	}
	b.unwatch([]string{"JOINED"}, nil)
	b.wait(searchPause)
	if !publish("q", "LATER", "gone") || b.table.find("JOINED") != nil || b.table.known != 4 {
		t.Errorf("what was retired before does not give way: %d are known", b.table.known)
	}
	b.wait(searchPause)
	if !publish("p", "NEXT", "1") || b.table.find("LATER") != nil {
		t.Error("what is retired does not give way to a price")
	}
	b.wait(searchPause)
	if !publish("q", "I1", "gone") || !publish("p", "NEW", "1") {
		t.Error("the place of a retired instrument was not given")
	}
	if b.table.find("I1") != nil || b.table.find("I0") == nil || b.table.find("I2") == nil {
		t.Error("another one gave way")
	}
}
