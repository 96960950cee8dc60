package conformance

// Rename is rename, for tests.
var Rename = rename
