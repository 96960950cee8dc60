// Package wire is what instances write into Redis and read from it: the names of keys and
// channels, the envelopes of events, heartbeats, and stored values. It turns texts into events
// and back, checks what it reads, and knows no connection.
package wire
