package partition_test

import (
	"hash/fnv"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"backbone/internal/partition"
)

func TestOfNeverChanges(t *testing.T) {
	for room, want := range map[string]int{"BTC_USDT": 17, "ETH_USDT": 21, "lobby": 19} {
		if got := partition.Of(room); got != want {
			t.Errorf("Of(%s) = %d, want %d", room, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.String().Draw(t, "room")
		h := fnv.New32a()
		h.Write([]byte(room))
		if got, want := partition.Of(room), int(h.Sum32()%64); got != want {
			t.Errorf("Of(%q) = %d, want %d", room, got, want)
		}
	})
}

func TestSetIsASetOfPartitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.SliceOfDistinct(rapid.IntRange(0, partition.Count-1), rapid.ID[int]).Draw(t, "held")
		var s partition.Set
		for _, p := range held {
			s |= partition.Only(p)
		}
		slices.Sort(held)
		if got := slices.Collect(s.Each()); !slices.Equal(got, held) {
			t.Fatalf("holds %v, want %v", got, held)
		}
		first := partition.Count
		if len(held) > 0 {
			first = held[0]
		}
		if s.Len() != len(held) || s.First() != first {
			t.Fatalf("%v: length %d, first %d", held, s.Len(), s.First())
		}
		for p := range partition.Count {
			if s.Has(p) != slices.Contains(held, p) {
				t.Fatalf("Has(%d) is %v of %v", p, s.Has(p), held)
			}
		}
	})
	for p := range partition.All.Each() {
		if p == 5 {
			break // a loop may end early
		}
	}
}
