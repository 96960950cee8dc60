// Package bridge joins instances through Redis: it publishes what this instance took
// in, hands over what others published, keeps the last price of every room for new
// members, and notices when any of this was interrupted. See DESIGN.md beside it.
//
// # Order
//
// Events of one partition reach every other instance in the order in which they were
// offered, each at most once. Nothing is promised between partitions. A value older
// than the one that Redis holds is not published. Whoever hears of a value can
// already read it.
//
// # Loss
//
// A batch of unknown fate is counted and never repeated. What is lost while a
// connection is down is healed for values by the generation that begins with the next
// connection ([Sink].Generation), and is counted for messages.
package bridge
