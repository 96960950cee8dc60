//go:build !unix

package main

import (
	"os"

	"backbone/internal/cli"
)

// wishes is empty: this system has no such signals.
func wishes() map[os.Signal]cli.Wish { return nil }
