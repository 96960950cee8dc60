package publish

import (
	"io"
	"strings"
	"testing"

	"backbone/client/clienttest"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/protocol"
)

// A server that takes the credentials back ends a publication that waits for its input, or for the time of
// the next event.
func TestAFinalRefusalEndsAQuietPublication(t *testing.T) {
	const line = `{"type":"price_update","instrument":"A","price":1,"ts":1}` + "\n"
	for name, flags := range map[string][]string{"waits for the input": nil, "acked": {"--ack"}, "retried": {"--ack", "--retry"}, "waits for its time": {"--rate=0.001"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := clienttest.NewServer()
			defer srv.Close()
			in, typed := io.Pipe()
			defer typed.Close()
			go func() {
				_, _ = io.WriteString(typed, line)
				_, _ = io.WriteString(typed, line) // with --rate the time of the second one is far
				for len(srv.Published()) == 0 {
				}
				srv.CloseWith(protocol.CloseUnauthorized, "the key was removed")
			}()
			var said strings.Builder
			code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, append(flags, "--url", srv.URL)...)
			if code != cli.ExitRefused || !strings.HasSuffix(said.String(), " refuses: the server closed the connection: 4401 the key was removed\n") {
				t.Errorf("exit code %d, said %s", code, &said)
			}
		})
	}
}
