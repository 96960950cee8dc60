package bridge

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// inPartition is a room of a partition, with a name of four characters.
func inPartition(p int) string {
	for n := 1000; ; n++ {
		if room := fmt.Sprint(n); partition.Of(room) == p {
			return room
		}
	}
}

// sized is n equal events of a partition that take so many bytes each.
func sized(p, n, bytes int) []hub.BroadcastEvent {
	e := hub.BroadcastEvent{Room: inPartition(p)}
	e.Payload = strings.Repeat("x", bytes-bytesOf([]hub.BroadcastEvent{e}))
	return slices.Repeat([]hub.BroadcastEvent{e}, n)
}

func TestBytesOfEvents(t *testing.T) {
	e := hub.BroadcastEvent{Room: "1", Type: "22", Payload: "4444", Version: hub.Version{Instance: "88888888"}}
	if got, want := bytesOf([]hub.BroadcastEvent{e, e}), 2*(1+2+4+8+eventBytes); got != want {
		t.Errorf("two events take %d bytes, want %d", got, want)
	}
}

// Each bundle is as full as it may be, and has partitions that no other one has.
func TestBundlesApart(t *testing.T) {
	const small = 2 * eventBytes
	type is struct {
		partitions    partition.Set
		events, bytes int
	}
	for name, test := range map[string]struct {
		events []hub.BroadcastEvent
		want   []is
	}{
		"none":                     {nil, nil},
		"as many bytes as fit":     {append(sized(3, 1, maxCallBytes/2), sized(9, 1, maxCallBytes/2)...), []is{{only(3) | only(9), 2, maxCallBytes}}},
		"a byte too many":          {append(sized(3, 1, maxCallBytes/2), sized(9, 1, maxCallBytes/2+1)...), []is{{only(3), 1, maxCallBytes / 2}, {only(9), 1, maxCallBytes/2 + 1}}},
		"as many events as fit":    {append(sized(0, 400, small), sized(63, maxCallEvents-400, small)...), []is{{only(0) | only(63), maxCallEvents, maxCallEvents * small}}},
		"an event too many":        {append(sized(0, 400, small), sized(63, maxCallEvents-399, small)...), []is{{only(0), 400, 400 * small}, {only(63), maxCallEvents - 399, (maxCallEvents - 399) * small}}},
		"a partition of many":      {append(append(sized(1, 1, small), sized(2, maxCallEvents+1, small)...), sized(5, 2, small)...), []is{{only(1), 1, small}, {only(2), maxCallEvents, maxCallEvents * small}, {only(2), 1, small}, {only(5), 2, 2 * small}}},
		"a partition of large":     {append(append(sized(1, 1, small), sized(2, 2, maxCallBytes/2+1)...), sized(5, 2, small)...), []is{{only(1), 1, small}, {only(2), 1, maxCallBytes/2 + 1}, {only(2), 1, maxCallBytes/2 + 1}, {only(5), 2, 2 * small}}},
		"one that is too large":    {append(sized(1, 1, maxCallBytes+1), sized(2, 1, small)...), []is{{only(1), 1, maxCallBytes + 1}, {only(2), 1, small}}},
		"small ones behind others": {append(append(sized(1, 2, maxCallBytes/2), sized(2, 1, small)...), sized(3, 1, small)...), []is{{only(1), 2, maxCallBytes}, {only(2) | only(3), 2, 2 * small}}},
	} {
		var got []is
		for _, b := range apart(test.events, "C") {
			got = append(got, is{b.partitions, len(b.events), b.bytes})
			for _, e := range b.events {
				if b.channel != "C" || !b.partitions.Has(partition.Of(e.Room)) {
					t.Errorf("%s: a bundle of %x for %q has an event of %d", name, b.partitions, b.channel, partition.Of(e.Room))
				}
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestAMessageForAllPartitions(t *testing.T) {
	few := append(sized(3, 1, 2*eventBytes), sized(9, 1, 2*eventBytes)...)
	if got := (bundler{whole: true}).bundles(few); len(got) != 1 || got[0].partitions != partition.All || len(got[0].events) != 2 {
		t.Errorf("few events are %+v, want one bundle for all partitions", got)
	}
}

func TestRoundTripsAreAsFullAsTheyMayBe(t *testing.T) {
	of := func(p, bytes, events int) bundle {
		return bundle{partitions: partition.Only(p), events: make([]hub.BroadcastEvent, events), bytes: bytes}
	}
	for name, test := range map[string]struct {
		bundles []bundle
		want    string // calls of each round trip, each by its bundles
	}{
		"none":             {nil, ""},
		"a large one":      {[]bundle{of(1, maxRoundTripBytes+1, 1), of(2, 1, 1)}, "1 | 1 | "},
		"full":             {[]bundle{of(1, maxRoundTripBytes/2, 1), of(2, maxRoundTripBytes/2, 1), of(3, 1, 1)}, "1 1 | 1 | "},
		"full of three":    {[]bundle{of(1, maxRoundTripBytes/2, 1), of(2, maxRoundTripBytes/4, 1), of(3, maxRoundTripBytes/4+1, 1)}, "1 1 | 1 | "},
		"a full call":      {[]bundle{of(1, maxCallBytes/2, 1), of(2, maxCallBytes/2, 1), of(3, 1, 1)}, "2 1 | "},
		"one of three":     {[]bundle{of(1, maxCallBytes/2, 1), of(2, maxCallBytes/4, 1), of(3, maxCallBytes/4+1, 1)}, "2 1 | "},
		"full of events":   {[]bundle{of(1, 1, maxCallEvents/2), of(2, 1, maxCallEvents/2), of(3, 1, 1)}, "2 1 | "},
		"a partition more": {[]bundle{of(1, 1, 1), of(2, 1, 1), of(1, 1, 1)}, "2 | 1 | "},
	} {
		got := ""
		for _, trip := range roundTrips(test.bundles, true) {
			for _, c := range trip {
				got += fmt.Sprint(len(c), " ")
			}
			got += "| "
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestARoundTripWithoutPartitions(t *testing.T) {
	of := func(p int) bundle { return bundle{partitions: partition.Only(p)} }
	r := roundTrip{{of(1)}, {of(2)}, {of(3)}}
	if got := r.without(partition.Only(2) | partition.Only(7)); !reflect.DeepEqual(got, roundTrip{{of(1)}, {of(3)}}) {
		t.Errorf("without two: %+v", got)
	}
	if got := r.without(0); !reflect.DeepEqual(got, r) {
		t.Errorf("without none: %+v", got)
	}
	if got := (call{of(1), of(2)}).partitions(); got != partition.Only(1)|partition.Only(2) {
		t.Errorf("a call is for %x", got)
	}
}

func TestWhatWasNotSentBecauseItsSlotMoved(t *testing.T) {
	of := func(p int, payload string) hub.BroadcastEvent {
		return hub.BroadcastEvent{Room: inPartition(p), Payload: payload}
	}
	events := []hub.BroadcastEvent{of(3, "1"), of(5, "2"), of(3, "3"), of(9, "4"), of(3, "5"), of(3, "6"), of(9, "7")}
	m := moved{partitions: partition.Only(3) | partition.Only(9)}
	m.taken[3] = 2
	got := ""
	for _, e := range m.unsent(events) {
		got += e.Payload
	}
	if got != "4567" {
		t.Errorf("not sent are %s, want the last two of one partition and all of the other", got)
	}
	if back := (moved{}).unsent(events); back != nil {
		t.Errorf("not sent are %+v though nothing moved", back)
	}
}
