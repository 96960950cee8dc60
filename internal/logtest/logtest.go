// Package logtest keeps what is logged, for tests of any package.
package logtest

import (
	"strings"
	"sync"
)

// Log keeps what is written to it, as what a logger writes to. The zero value is empty. Its methods
// are safe for concurrent use by multiple goroutines.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what was written since the last Take.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Take is String, and forgets it.
func (l *Log) Take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
