//go:build unix

package main

import (
	"os"
	"syscall"

	"backbone/internal/cli"
)

// wishes are what signals mean to a command that heeds them.
func wishes() map[os.Signal]cli.Wish {
	return map[os.Signal]cli.Wish{syscall.SIGHUP: cli.Reload, syscall.SIGUSR1: cli.LogState, syscall.SIGUSR2: cli.ToggleLogs}
}
