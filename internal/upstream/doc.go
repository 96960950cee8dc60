// Package upstream makes an instance an edge: it stands where the bridge to Redis stands, and gets
// prices from another instance, as a consumer of that instance. It joins upstream the rooms that
// consumers have joined here, over one connection of the SDK, and leaves those that nobody has
// been in for a while. Several URLs are tried in turn.
//
// One goroutine, that of Run, owns the rooms. A second one makes the calls that wait for replies:
// dial, join, leave. Nothing waits for upstream: ingest offers what is to be read and left, and a
// read that is not answered in time is answered with an error, as one of Redis is.
//
// Versions do not cross the protocol, so Run makes them. On one connection what comes later is
// newer. On a new connection, perhaps to an instance that is behind, a price of a known epoch is
// newer if its number is higher. One of another epoch is newer if it was taken in later, by the
// clocks of the instances that took them in; once the connection has lasted for a while, or the
// room has had something newer on it, what comes later is newer again.
//
// What is missing before a price is what upstream says (conflated) and, after a lost connection,
// what its number says.
package upstream
