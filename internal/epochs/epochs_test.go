package epochs_test

import (
	"strconv"
	"strings"
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

func TestTextsOfEpochs(t *testing.T) {
	for _, tt := range []struct {
		instance string
		life     uint32
	}{{"9f1c2b3a4d5e6f70", 0}, {"a", 4294967295}, {"A_z-0.9.1", 7}, {strings.Repeat("a", 64), 1}} {
		text := epochs.Text(tt.instance, tt.life)
		if instance, life, ok := epochs.Parse(text); instance != tt.instance || life != tt.life || !ok {
			t.Errorf("%s was read as %q, %d, %t", text, instance, life, ok)
		}
	}
	for _, text := range []string{
		"", ".", ".0", "a", "a.", "a.x", "a.-1", "a.+1", "a.01", "a.4294967296", `a".0`, "a b.0", "ä.0", "a\x00.0", "@.0", "[.0", strings.Repeat("a", 65) + ".1",
	} {
		if instance, life, ok := epochs.Parse(text); ok {
			t.Errorf("%q was read as %q, %d", text, instance, life)
		}
	}
}
