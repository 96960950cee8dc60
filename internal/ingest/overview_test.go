package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backbone/internal/hub"
)

func inR(room string) bool { return strings.HasPrefix(room, "R") }

// The first names of many rooms are those of a sort of all of them.
func TestFirstNamesOfManyRooms(t *testing.T) {
	i := start(t, 4000, func(o *Options) { o.MaxInstruments = 10_000 }) // slices for the hub, which is not there
	const rooms = 3000
	var all []string
	for n := range rooms {
		name := fmt.Sprintf("R%d", n*7919%rooms)
		all = append(all, name)
		i.publish(t, name, `{"n":1}`)
	}
	i.publish(t, "other", `{}`)
	slices.Sort(all)
	for _, limit := range []int{1, 20, rooms, 2 * rooms} {
		first, total, err := i.Rooms(t.Context(), inR, false, limit, func() {})
		if err != nil || total != rooms || !slices.Equal(first, all[:min(limit, rooms)]) {
			t.Errorf("limit %d: %d names of %d, %v", limit, len(first), total, err)
		}
	}
	i.Watch([]string{"other", "empty"}, hub.Wants{})
	states, err := i.States(t.Context(), []string{"other", "empty", "R1", "unknown"})
	if err != nil || len(states) != 4 || states[0].Members != 1 || len(states[0].Values) != 1 || states[0].Values[0].Payload != "{}" ||
		states[1].Members != 1 || states[1].Values != nil || states[2].Members != 0 || len(states[2].Values) != 1 || states[3].Members != 0 {
		t.Errorf("%+v, %v", states, err)
	}
	i.Unwatch([]string{"other", "empty"}, nil)
	ended, end := context.WithCancel(t.Context())
	end()
	for range 100 { // ingest may be faster than it is noticed
		if _, _, err = i.Rooms(ended, inR, false, 1, func() {}); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after its context: %v", err)
	}
}

// A room has a price from its first value until one ends it, whoever is in it.
func TestPricedRooms(t *testing.T) {
	i := start(t, 100, func(o *Options) { o.Ends = func(payload string) bool { return payload == "end" } })
	priced := func() (names []string) {
		t.Helper()
		paused := 0
		names, _, err := i.Rooms(t.Context(), func(string) bool { return true }, true, 10, func() { paused++ })
		if err != nil || paused == 0 {
			t.Fatalf("%v, paused %d times", err, paused)
		}
		return names
	}
	i.Watch([]string{"B", "empty"}, hub.Wants{})
	i.publish(t, "A", "1")
	i.publish(t, "B", "2")
	if got := priced(); !slices.Equal(got, []string{"A", "B"}) {
		t.Errorf("with prices: %q", got)
	}
	i.publish(t, "A", "end")
	i.publish(t, "B", "end")
	if got := priced(); len(got) > 0 {
		t.Errorf("ended: %q", got)
	}
	i.publish(t, "A", "3")
	if got := priced(); !slices.Equal(got, []string{"A"}) {
		t.Errorf("with a price again: %q", got)
	}
	i.Unwatch([]string{"B", "empty"}, nil)
}
