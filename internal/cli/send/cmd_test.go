package send

import (
	"context"
	"errors"
	"io"
	"strings"
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
	in := io.MultiReader(strings.NewReader("one\n\n"+strings.Repeat("x", 17<<10)+"\r\ntwo\r\n"), iotest.ErrReader(errors.New("a broken disk")))
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

// A read of a terminal cannot be broken off, and does not keep the command from ending.
func TestAnInterruptionEndsIt(t *testing.T) {
	url := servertest.Start(t).URL()
	ctx, stop := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	defer typed.Close()
	go func() {
		_, _ = typed.Write([]byte("one\n"))
		stop()
	}()
	if code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: io.Discard}, "lobby", "--url", url); code != cli.ExitDone {
		t.Errorf("exit code %d", code)
	}
}

// A server that takes the credentials back ends the command, though nobody types anything.
func TestAFinalRefusalEndsItWhileNobodyTypes(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	in, typed := io.Pipe()
	defer typed.Close()
	go func() { _, _ = io.WriteString(typed, strings.Repeat("x", 17<<10)+"\n") }()
	var said strings.Builder
	hear := cli.WriterFunc(func(line []byte) error {
		said.Write(line)
		if strings.HasPrefix(string(line), "line 1: ") { // so none is on its way
			srv.CloseWith(protocol.CloseUnauthorized, "the key was removed")
		}
		return nil
	})
	code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: hear}, "lobby", "--url", srv.URL)
	if code != cli.ExitRefused || !strings.HasSuffix(said.String(), "\nsent 0, not sent 1\nbackbone: "+srv.URL+" refuses: the server closed the connection: 4401 the key was removed\n") {
		t.Errorf("exit code %d, said %s", code, &said)
	}
}
