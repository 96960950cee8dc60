// Package docs gives the program the documents that it plays.
package docs

import _ "embed" // for the page

// Protocol is protocol.md.
//
//go:embed protocol.md
var Protocol string
