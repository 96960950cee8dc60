package epochs_test

import (
	"strconv"
	"testing"

	"backbone/internal/epochs"
)

func TestTheCountUnusedLongestIsForgotten(t *testing.T) {
	var l epochs.List[int]
	for i := range epochs.Most {
		v, known := l.Touch(strconv.Itoa(i))
		if known || *v != 0 {
			t.Errorf("new epoch %d: %d, known %t", i, *v, known)
		}
		*v = 10 + i
	}
	if v, known := l.Touch("0"); !known || *v != 10 {
		t.Errorf("epoch 0: %d, known %t", *v, known)
	}
	l.Touch("new") // in the place of 1
	if l.Len() != epochs.Most || l.Find("1") != nil || l.Find("0") == nil || *l.Find("2") != 12 {
		t.Errorf("%d counts; 0, 1, 2: %v, %v, %v", l.Len(), l.Find("0"), l.Find("1"), l.Find("2"))
	}
	l.Find("2") // does not use it
	l.Touch("newer")
	if l.Find("2") != nil {
		t.Error("the count that was only looked for is kept")
	}
	sum := 0
	l.All(func(v *int) { sum += *v })
	if sum != 10+13+14+15+16+17 {
		t.Errorf("the sum of all is %d", sum)
	}
	if l.Clear(); l.Len() != 0 || l.Find("0") != nil {
		t.Error("a list that was cleared is not empty")
	}
}

func TestNameOfAKnownEpochAllocatesNothing(t *testing.T) {
	var l epochs.List[int]
	l.Touch("an-epoch-of-some-length.0")
	known := []byte("an-epoch-of-some-length.0")
	if n := testing.AllocsPerRun(100, func() { _ = l.Name(known) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if name := l.Name([]byte("other")); name != "other" {
		t.Errorf("got %q", name)
	}
}
