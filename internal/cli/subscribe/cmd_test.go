package subscribe

import (
	"context"
	"encoding/json"
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

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

// begin starts a server and connects an ingestor to it, until the test ends.
func begin(t *testing.T) (ctx context.Context, url string, ingestor *client.Ingestor) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	url = servertest.Start(t).URL()
	ingestor, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ingestor.Close() })
	return ctx, url, ingestor
}

func TestEachLineIsFlushedAtOnce(t *testing.T) {
	ctx, url, ingestor := begin(t)
	written := make(chan string, 16)
	out := cli.WriterFunc(func(b []byte) error { written <- string(b); return nil })
	watching, end := context.WithCancel(ctx)
	code := make(chan int, 1)
	go func() {
		code <- clitest.Run(watching, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard}, "A", "--url", url)
	}()
	for _, price := range []string{"1.10", "1.20"} {
		if err := ingestor.PublishAck(ctx, client.PriceUpdate{Instrument: "A", Price: json.Number(price)}); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-written:
			if !strings.Contains(line, `"price":`+price+",") || !strings.HasSuffix(line, "}\n") {
				t.Errorf("written %q, want the price %s", line, price)
			}
		case <-ctx.Done():
			t.Fatal("nothing is written while the subscription goes on")
		}
	}
	end()
	if got := <-code; got != cli.ExitDone {
		t.Errorf("exit code %d", got)
	}
}

func TestOutputThatFailsEndsTheSubscription(t *testing.T) {
	ctx, url, ingestor := begin(t)
	if err := ingestor.PublishAck(ctx, client.PriceUpdate{Instrument: "A", Price: "1"}); err != nil {
		t.Fatal(err)
	}
	for failure, want := range map[error]int{io.ErrClosedPipe: cli.ExitDone, errors.New("disk full"): cli.ExitFailed} {
		out := cli.WriterFunc(func([]byte) error { return failure })
		if got := clitest.Run(ctx, t, &Cmd{}, cli.Streams{Out: out, Err: io.Discard}, "A", "--url", url); got != want {
			t.Errorf("%v: exit code %d, want %d", failure, got, want)
		}
	}
}
