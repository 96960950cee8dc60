//go:build unix

package rawio_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"backbone/internal/rawio"
)

func TestReadAndWriteDoNotWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in, out := r.Fd(), w.Fd()
	for _, fd := range []uintptr{in, out} {
		if err := syscall.SetNonblock(int(fd), true); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 64<<10)
	if n, errno := rawio.Read(in, b); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("read of an empty pipe: %d, %v", n, errno)
	}
	if n, errno := rawio.Write(out, []byte("price")); n != 5 || errno != 0 {
		t.Errorf("write: %d, %v", n, errno)
	}
	if n, errno := rawio.Read(in, b); !bytes.Equal(b[:n], []byte("price")) || errno != 0 {
		t.Errorf("read: %q, %v", b[:n], errno)
	}
	for {
		n, errno := rawio.Write(out, b)
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 || n == 0 {
			t.Fatalf("write to a pipe that fills: %d, %v", n, errno)
		}
	}
	w.Close()
	for {
		n, errno := rawio.Read(in, b)
		if errno != 0 {
			t.Fatal(errno)
		}
		if n == 0 {
			break
		}
	}
}
