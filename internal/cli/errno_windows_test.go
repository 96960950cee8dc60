package cli

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

func TestWhatWindowsCallsAClosedPipe(t *testing.T) {
	for _, broken := range []error{windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA} {
		s := Streams{Out: WriterFunc(func([]byte) error { return broken })}
		if err := s.Print([]byte("x")); !errors.Is(err, ErrReaderGone) {
			t.Errorf("%v: error %v", broken, err)
		}
	}
	if !isRefusedConnection(windows.WSAECONNREFUSED) {
		t.Error("a refused connection is not known")
	}
}
