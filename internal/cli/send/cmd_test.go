package send

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/server/servertest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A message that is too long, and an input that cannot be read, lose nothing else.
func TestWhatCannotBeSentIsTold(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	url := servertest.Start(t).URL()
	conn, err := client.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Join(ctx, "lobby"); err != nil {
		t.Fatal(err)
	}
	in := io.MultiReader(strings.NewReader("one\n\n"+strings.Repeat("x", tooLong)+"\r\ntwo\r\n"), iotest.ErrReader(errors.New("a broken disk")))
	var said strings.Builder
	code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, "lobby", "--url", url)
	if code != cli.ExitFailed || !strings.HasPrefix(said.String(), "line 3: invalid_event: ") ||
		!strings.HasSuffix(said.String(), "\nbackbone: line 5: reading: a broken disk\n") {
		t.Errorf("exit code %d, said %s", code, &said)
	}
	var got []string
	for e := range conn.Events() {
		if m, is := e.(client.ChatMessage); is {
			if got = append(got, m.Text); len(got) == 2 {
				break
			}
		}
	}
	if strings.Join(got, ",") != "one,two" {
		t.Errorf("members receive %q", got)
	}
}

// hears collects what is said, and does something with the first line that begins so. It may be written to by
// several goroutines.
func hears(begin string, do func()) (err io.Writer, said func() string) {
	lines := make(chan string, 1000)
	var once sync.Once
	return cli.WriterFunc(func(line []byte) error {
			lines <- string(line)
			if strings.HasPrefix(string(line), begin) {
				once.Do(do)
			}
			return nil
		}), func() string {
			close(lines)
			var all strings.Builder
			for line := range lines {
				all.WriteString(line)
			}
			return all.String()
		}
}

const tooLong = 17 << 10 // of a message

// A read of a terminal cannot be broken off, and does not keep the command from ending.
func TestAnInterruptionEndsIt(t *testing.T) {
	url := servertest.Start(t).URL()
	ctx, stop := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	defer typed.Close()
	go func() { _, _ = io.WriteString(typed, strings.Repeat("x", tooLong)+"\n") }()
	err, said := hears("line 1: ", stop)
	code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: err}, "lobby", "--url", url)
	if text := said(); code != cli.ExitRejected || !strings.HasSuffix(text, "\nsent 0, not sent 1\nbackbone: 1 message not sent\n") {
		t.Errorf("exit code %d, said %s", code, text)
	}
}

// A connection that is lost is told, and a message does not wait for it for ever.
func TestALostConnectionIsTold(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	in, typed := io.Pipe()
	defer typed.Close()
	go func() { _, _ = io.WriteString(typed, strings.Repeat("x", tooLong)+"\ntwo\nthree\n") }()
	err, said := hears("line 1: ", func() {
		srv.Refuse(http.StatusServiceUnavailable)
		srv.Disconnect()
	})
	code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: err}, "lobby", "--url", srv.URL, "--connect-timeout=1s")
	text := said()
	if code != cli.ExitRejected || strings.Count(text, "disconnected: ") != 1 || !strings.Contains(text, "\nline 2: ") || !strings.HasSuffix(text, "messages not sent\n") {
		t.Errorf("exit code %d, said %s", code, text)
	}
}

// A server that takes the credentials back ends the command, though nobody types anything.
func TestAFinalRefusalEndsItWhileNobodyTypes(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	in, typed := io.Pipe()
	defer typed.Close()
	go func() { _, _ = io.WriteString(typed, strings.Repeat("x", tooLong)+"\n") }()
	err, said := hears("line 1: ", func() { srv.CloseWith(protocol.CloseUnauthorized, "the key was removed") }) // none is on its way
	code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: err}, "lobby", "--url", srv.URL)
	if text := said(); code != cli.ExitRefused || !strings.HasSuffix(text, "\nsent 0, not sent 1\nbackbone: "+srv.URL+" refuses: the server closed the connection: 4401 the key was removed\n") {
		t.Errorf("exit code %d, said %s", code, text)
	}
}
