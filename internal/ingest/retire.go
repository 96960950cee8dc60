package ingest

// An instrument is retired by a value that says so (Options.Ends). It has a version, a number and a
// life like any other, so an older price never comes back after it: not from Redis, where it takes the
// price's place, nor from another instance. The members get it as they get a price.
//
//   - Who joins later gets nothing, or is told that there is no value.
//   - It gives its place to the first new value that needs one, and takes none from a living one:
//     where there is no place, what is not known cannot be retired, unless its room has members.
//   - An instance that learns of it late, by a read or an offer, tells its members only if they may
//     hold a price.
//   - A price that is published later brings the instrument back.
