package rawio_test

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
	"testing"

	"backbone/internal/rawio"
)

// Bytes come out in their order, whoever writes them: those that are put, and those that are flushed.
func TestUnsentKeepsTheOrder(t *testing.T) {
	t.Parallel()
	var (
		u       rawio.Unsent
		out     bytes.Buffer // like a socket: Put writes to it while nothing waits, Flush while something does
		want    bytes.Buffer
		flushes sync.WaitGroup
		more    = make(chan struct{}, 1)
	)
	flushes.Go(func() {
		for range more {
			if err := u.Flush(func(p []byte) error { out.Write(p); return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 20_000 {
		p := []byte(strconv.Itoa(i) + " ")
		want.Write(p)
		if err := u.Put(p, true, func(p []byte) (int, error) {
			n := i % (len(p) + 1)
			out.Write(p[:n])
			return n, nil
		}); err != nil {
			t.Fatal(err)
		}
		if u.Any() {
			select {
			case more <- struct{}{}:
			default:
			}
		}
	}
	close(more)
	flushes.Wait()
	if err := u.Flush(func(p []byte) error { out.Write(p); return nil }); err != nil || u.Any() {
		t.Error(err, u.Any())
	}
	if !bytes.Equal(out.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes came out, want %d in order", out.Len(), want.Len())
	}
}

func TestUnsentIsBoundedAndTellsErrors(t *testing.T) {
	t.Parallel()
	var u rawio.Unsent
	wrong := errors.New("wrong")
	if err := u.Put([]byte("x"), true, func([]byte) (int, error) { return 0, wrong }); !errors.Is(err, wrong) || u.Any() {
		t.Errorf("a write that fails: %v, %v", err, u.Any())
	}
	none := func([]byte) (int, error) { return 0, nil }
	for range 10 {
		if err := u.Put(make([]byte, 1<<20), true, none); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for range 100 {
		if err := u.Put(make([]byte, 1<<10), false, none); err != nil {
			refused++
		}
	}
	if refused != 36 {
		t.Errorf("%d of 100 KiB of others were refused, want 36", refused)
	}
	if err := u.Flush(func([]byte) error { return wrong }); !errors.Is(err, wrong) || !u.Any() {
		t.Errorf("a flush that fails: %v", err)
	}
}
