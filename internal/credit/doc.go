// Package credit decides how much of a stream may be under way to a reader, so that what it
// reads is not old whatever lies between: kernels, proxies, or a buffer of its own.
//
// The writer puts numbered marks into the stream, which the reader answers when it comes to
// them. An answered mark proves that the reader has everything before it. From the answers a
// [Window] learns the round trip and how fast the reader takes, and bounds what is under way.
//
// The package is arithmetic: it has no goroutine, no clock and no socket. Times are durations
// since any fixed moment.
package credit
