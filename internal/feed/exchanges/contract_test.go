package exchanges

import (
	"testing"

	"go.uber.org/goleak"

	"backbone/internal/feed/feedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every exchange misbehaves in every way, and what is published is exactly what was traded.
func TestContract(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			feedtest.Contract(t, e)
		})
	}
}
