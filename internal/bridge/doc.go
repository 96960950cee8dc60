// Package bridge connects instances through Redis. It publishes the events of its instance,
// hands over the events of other instances, and keeps the last price of every room for new
// members. It notices when any of this was interrupted. DESIGN.md says how.
//
// # Order
//
// Events of one partition reach every other instance in the order in which they were
// offered, each at most once. Nothing is promised between partitions. A value older than the
// one in Redis is not published. An instance that hears a value can already read it.
//
// # Loss
//
// Events of unknown fate are counted and never sent again. Values that were lost while a
// connection was down are healed by the generation that begins with the next connection, see
// [Sink].Generation. Lost messages are counted.
package bridge
