// Package epochs remembers something of each of the last few counts of a room. It is a leaf: the SDK
// and its redundant connections compare prices by counts alike.
package epochs

import (
	"slices"
	"strconv"
	"strings"
)

// Most is how many counts a List holds: one for each instance with a producer of the room, and what
// restarts left.
const Most = 8

// List has an entry for each count, by epoch. The zero List is empty. One goroutine uses it at a time.
type List[T any] struct{ entries []entry[T] } // the one that was touched last is last

type entry[T any] struct {
	epoch string
	value T
}

// Len is the number of counts.
func (l *List[T]) Len() int { return len(l.entries) }

// Clear forgets all counts.
func (l *List[T]) Clear() { l.entries = l.entries[:0] }

// All calls f for each value.
func (l *List[T]) All(f func(*T)) {
	for i := range l.entries {
		f(&l.entries[i].value)
	}
}

// Name returns the text of an epoch, without an allocation if it is in the list.
func (l *List[T]) Name(epoch []byte) string {
	for i := range l.entries {
		if l.entries[i].epoch == string(epoch) {
			return l.entries[i].epoch
		}
	}
	return string(epoch)
}

// Find returns the value of an epoch, nil if there is none.
func (l *List[T]) Find(epoch string) *T {
	for i := range l.entries {
		if l.entries[i].epoch == epoch {
			return &l.entries[i].value
		}
	}
	return nil
}

// Touch returns the value of an epoch, to be changed, and whether it was there. A new one takes the
// place of the one that was touched longest ago, if the list is full.
func (l *List[T]) Touch(epoch string) (value *T, known bool) {
	i := slices.IndexFunc(l.entries, func(e entry[T]) bool { return e.epoch == epoch })
	e := entry[T]{epoch: epoch}
	switch last := len(l.entries) - 1; {
	case i >= 0 && i == last:
		return &l.entries[i].value, true
	case i >= 0:
		e = l.entries[i]
		l.entries = slices.Delete(l.entries, i, i+1)
	case len(l.entries) == Most:
		l.entries = slices.Delete(l.entries, 0, 1)
	}
	l.entries = append(l.entries, e)
	return &l.entries[len(l.entries)-1].value, i >= 0
}

// maxInstance is the longest id of an instance, bytes.
const maxInstance = 64

// Text is the epoch of a count: of the instance with this id, and the life of the count.
func Text(instance string, life uint32) string {
	return instance + "." + strconv.FormatUint(uint64(life), 10)
}

// Parse reads what Text returned. ok is false for any other text.
func Parse(epoch string) (instance string, life uint32, ok bool) {
	dot := strings.LastIndexByte(epoch, '.')
	if dot < 1 || dot > maxInstance {
		return "", 0, false
	}
	for _, c := range []byte(epoch[:dot]) {
		if (c < '0' || c > '9') && (c|' ' < 'a' || c|' ' > 'z') && c != '_' && c != '.' && c != '-' {
			return "", 0, false
		}
	}
	n, err := strconv.ParseUint(epoch[dot+1:], 10, 32)
	if err != nil || Text(epoch[:dot], uint32(n)) != epoch {
		return "", 0, false
	}
	return epoch[:dot], uint32(n), true
}
