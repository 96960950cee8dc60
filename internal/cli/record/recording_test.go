package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsLeftOutIsCounted(t *testing.T) {
	var out, said bytes.Buffer
	at := time.UnixMilli(1710000000500)
	r := newRecording(&Cmd{RoomNames: cli.RoomNames{Rooms: []string{"A", "B"}}}, cli.Streams{Out: &out, Err: &said})
	for _, e := range []client.Event{
		client.Connected{},
		client.PriceUpdate{Instrument: "A", Price: "1.10", TS: 1, Snapshot: true},
		client.Conflated{Room: "A", Skipped: 3},
		client.Disconnected{Err: io.ErrUnexpectedEOF},
		client.Disconnected{Err: io.ErrUnexpectedEOF, Attempt: 2},
		client.Rejoined{},
		client.Missed{Room: "A", Events: 4},
		client.ChatMessage{Room: "B", Text: "hello"},
	} {
		if err := r.take(arrival{e, at}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.outcome(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if want := `{"received":1710000000500,"event":{"type":"price_update","instrument":"A","price":1.10,"ts":1,"snapshot":true}}
{"received":1710000000500,"event":{"type":"conflated","room":"A","skipped":3}}
{"received":1710000000500,"event":{"type":"disconnected","at":1710000000500,"error":"unexpected EOF"}}
{"received":1710000000500,"event":{"type":"rejoined","at":1710000000500}}
{"received":1710000000500,"event":{"type":"missed","room":"A","events":4,"exact":false}}
{"received":1710000000500,"event":{"type":"message","room":"B","data":"hello"}}
`; out.String() != want {
		t.Errorf("recorded\n%swant\n%s", &out, want)
	}
	if !strings.Contains(said.String(), "recorded 2 events of 2 rooms, ") || !strings.Contains(said.String(), ", at least 7 left out or missed, 1 time without a connection\n") {
		t.Errorf("said %s", &said)
	}
}

func TestOutputThatFailsEndsTheRecording(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	url := servertest.Start(t).URL()
	ingestor, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close()
	if err := ingestor.PublishAck(ctx, client.PriceUpdate{Instrument: "A", Price: "1"}); err != nil {
		t.Fatal(err)
	}
	for want, failure := range map[string]error{
		"backbone: the recording is not complete: nobody reads it any more\n": io.ErrClosedPipe,
		"backbone: the recording is not complete: disk full\n":                errors.New("disk full"),
	} {
		var said bytes.Buffer
		out := cli.WriterFunc(func([]byte) error { return failure })
		code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: out, Err: &said}, "A", "--url", url)
		if code != cli.ExitFailed || !strings.HasSuffix(said.String(), want) || strings.Contains(said.String(), "recorded") {
			t.Errorf("%v: exit code %d, said %s", failure, code, &said)
		}
	}
}

// Rooms that are read from a terminal, where nothing more is typed, do not keep the command from ending.
func TestAnInterruptionEndsTheReadingOfRooms(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	defer typed.Close()
	go func() {
		_, _ = io.WriteString(typed, "A\n")
		stop()
	}()
	var said strings.Builder
	code := clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, "--rooms-from=-")
	if code != cli.ExitDone || said.Len() > 0 {
		t.Errorf("exit code %d, said %s", code, &said)
	}
}
