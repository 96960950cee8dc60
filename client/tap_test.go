package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
)

// wire is a server's frame with this first byte.
func wire(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return string(b) + payload
}

// The bytes of a connection in parts of any size: the tap takes out whole text messages
// that the program wants, and lets all else pass as it is.
func TestTap(t *testing.T) {
	const text, ping, fragment, rest = 0x81, 0x89, 0x01, 0x80
	long, tooLong := "take "+strings.Repeat("x", tapBuffer-9), "take "+strings.Repeat("x", tapBuffer-8)
	huge := "take " + strings.Repeat("x", 1<<16)
	var stream, passes string
	for _, f := range []struct {
		first   byte
		payload string
		taken   bool
	}{
		{text, "take 1", true},
		{text, "leave 2", false},
		{text, "take 3", true},
		{ping, "take care", false},
		{text, "take " + strings.Repeat("4", 200), true},
		{text, "", false},
		{fragment, "take 5", false},
		{ping, "", false},
		{rest, "take 6", false},
		{text, long, true},
		{text, tooLong, false},
		{text, huge, false},
		{text, "take 7", true},
		{0x88, "\x03\xe8bye", false},
	} {
		if frame := wire(f.first, f.payload); f.taken {
			stream += frame
		} else {
			stream += frame
			passes += frame
		}
	}
	for _, part := range []int{1, 2, 3, 7, 1000, 5000, tapBuffer, len(stream)} {
		var offered []string
		tap := &tap{offer: func(b []byte) bool {
			offered = append(offered, string(b))
			return bytes.HasPrefix(b, []byte("take"))
		}}
		src := strings.NewReader(stream)
		read := func(p []byte) (int, error) { return src.Read(p[:min(part, len(p))]) }
		var got bytes.Buffer
		for p := make([]byte, 4096); ; {
			n, err := tap.read(p, read)
			got.Write(p[:n])
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != passes {
			t.Errorf("in parts of %d: %d bytes passed, want the %d that no message was taken of", part, got.Len(), len(passes))
		}
		want := []string{"take 1", "leave 2", "take 3", "take " + strings.Repeat("4", 200), "", long, "take 7"}
		if !slices.Equal(offered, want) {
			t.Errorf("in parts of %d: %d messages were offered, want %d", part, len(offered), len(want))
		}
	}
}

// While OnMessage has a message, the closing handshake reads what follows. It must not be
// offered meanwhile.
func TestCloseDuringOnMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		calls := 0 // no lock: calls come one at a time
		c, p := newPipeServer(t).consumer(ConnOptions{OnMessage: func([]byte) bool {
			if calls++; calls == 1 {
				close(entered)
				<-release
			}
			return false
		}})
		async(t, func() { p.untilGone() })
		p.write(`{"type":"message","room":"A","data":"` + strings.Repeat("x", tapBuffer) + `"}`) // passes the tap
		<-entered
		async(t, func() {
			for p.ws.Write(t.Context(), websocket.MessageText, []byte(price("A", "1", 1))) == nil {
			}
		})
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			c.Close()
		}()
		synctest.Wait()
		if calls != 1 {
			t.Errorf("OnMessage was called %d times more before it returned", calls-1)
		}
		close(release)
		<-closed
	})
}
