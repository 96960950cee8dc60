//go:build !unix

package screen

// CanSuspend reports whether a shell can take over and bring the program back.
func CanSuspend() bool { return false }
