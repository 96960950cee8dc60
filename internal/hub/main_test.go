package hub

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testOptions frame a payload as a line. The queue is small, so that clients lag often.
func testOptions() Options {
	return Options{
		QueueBytes: 600,
		Frame:      func(dst []byte, payload string) []byte { return append(append(dst, payload...), '\n') },
		Stamped:    func(dst []byte, e *BroadcastEvent) []byte { return append(append(dst, stamped(e.Payload)...), '\n') },
		Conflated:  func(room string, n uint64) string { return fmt.Sprintf("conflated %s %d", room, n) },
		Lost:       func(room string, n uint64) string { return fmt.Sprintf("lost %s %d", room, n) },
	}
}

// stamped is the stamped form of a payload.
func stamped(payload string) string { return payload + strings.Repeat("+", 60) }

// withQueue is testOptions with another limit.
func withQueue(bytes int) Options {
	o := testOptions()
	o.QueueBytes = bytes
	return o
}

func line(format string, args ...any) []byte { return fmt.Appendf(nil, format+"\n", args...) }

// lines takes frames apart.
func lines(data []byte) (all []string) {
	for l := range strings.Lines(string(data)) {
		all = append(all, strings.TrimSuffix(l, "\n"))
	}
	return all
}

// newClient returns a client whose queue is waited for.
func newClient() *Client {
	c := new(Client)
	c.Init(nil, nil)
	return c
}
