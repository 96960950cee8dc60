// Package chaos holds real processes to what docs/guarantees.md promises: three
// "backbone serve", a real Redis (one server, Sentinel, Cluster), producers and consumers
// that use the SDK, and faults in an order that a seed chooses. It is tests only:
//
//	make chaos ROUNDS=20 SEED=4711
//
// In each round ticks flow, a fault or two begin, and end before or after the last tick.
// From then on no further tick comes, and every consumer of every instance must come to
// hold the same price of each instrument, the newest one that survived, and so must Redis
// for as long as prices are kept. What its own producers publish an instance must deliver
// without a gap, whatever happens elsewhere.
//
// A price carries who published it and its number in its last digits. A seed repeats the
// choice of faults and ticks, but not their timing: processes are no simulation (that is
// internal/simtest).
package chaos
