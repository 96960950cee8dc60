// Package partition divides rooms into a fixed number of classes. The instances of a
// backbone exchange events by partition, and Redis keeps the values of one partition in
// one slot.
//
// Count, Of and Tag name keys and channels in Redis, so they never change.
package partition

import (
	"iter"
	"math/bits"
)

// Count is the number of partitions. A Set holds all of them in 64 bits.
const Count = 64

// Of returns the partition of a room, 0 to 63: the FNV-1a hash (32 bits) of its name
// modulo 64.
func Of(room string) int {
	h := uint32(2166136261)
	for i := range len(room) {
		h = (h ^ uint32(room[i])) * 16777619
	}
	return int(h % Count)
}

// Set is a set of partitions, one bit each.
type Set uint64

// All holds every partition.
const All = ^Set(0)

// Only returns the set of the one partition p.
func Only(p int) Set { return 1 << p }

// Has reports whether p is in the set.
func (s Set) Has(p int) bool { return s&(1<<p) != 0 }

// Len returns how many partitions the set holds.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// First returns the lowest partition of the set, or Count if it is empty.
func (s Set) First() int { return bits.TrailingZeros64(uint64(s)) }

// Each yields the partitions of the set in ascending order.
func (s Set) Each() iter.Seq[int] {
	return func(yield func(int) bool) {
		for rest := s; rest != 0; rest &= rest - 1 {
			if !yield(rest.First()) {
				return
			}
		}
	}
}
