package transport

import (
	"testing"
	"unsafe"
)

// An idle connection is to cost less than 6 KiB, and Go rounds a size up to one of its classes.
func TestAConnectionFitsItsSizeClass(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		return // the sizes differ
	}
	if size := unsafe.Sizeof(conn{}); size > 576 {
		t.Errorf("a conn has %d bytes, and takes the place of 640", size)
	}
	if size := unsafe.Sizeof(freshness{}); size > 128 {
		t.Errorf("a freshness has %d bytes, and takes the place of 144", size)
	}
}
