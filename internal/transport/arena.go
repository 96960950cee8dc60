package transport

import (
	"sync"

	"backbone/internal/domain/common"
	"backbone/internal/hub"
)

// joinBytes is the place to join queued batches: below hub.MaxWrite one more is added.
const joinBytes = 2 * hub.MaxWrite

// arena holds the memory that connections share by turns.
type arena struct {
	scratch sync.Pool // of *scratch
	joined  sync.Pool // of *[]byte, to join queued batches for one write
	heads   sync.Pool // of *[headBytes]byte, to read the head of a request into
}

func newArena() *arena {
	return &arena{
		scratch: sync.Pool{New: func() any { return &scratch{decoder: common.NewDecoder()} }},
		joined:  sync.Pool{New: func() any { b := make([]byte, 0, joinBytes); return &b }},
		heads:   sync.Pool{New: func() any { return new([headBytes]byte) }},
	}
}
