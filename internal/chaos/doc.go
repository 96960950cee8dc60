// Package chaos holds real processes to what docs/guarantees.md promises: three
// "backbone serve", a real Redis (one server, Sentinel, Cluster), producers and consumers
// that use the SDK, and faults in an order that a seed chooses. It is tests only:
//
//	make chaos ROUNDS=20 SEED=4711
//
// In each round ticks flow, and one or two faults begin and end before or after the last
// tick. After that every consumer of every instance must end on the same price of each
// instrument: the newest one that survived. So must Redis, while it keeps prices. An
// instance must deliver everything that its own producers publish without a gap, whatever
// happens elsewhere.
//
// The last digits of a price say who published it and its number. A seed repeats the
// choice of faults and ticks, but not their timing. In internal/simtest it repeats both.
package chaos
