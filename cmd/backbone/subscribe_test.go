package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"backbone/client"
	"backbone/internal/cli"
)

func TestEachLineIsFlushedAtOnce(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	i := demoServer(t)
	ingestor, err := client.DialIngestor(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close() //nolint:errcheck // the test ends
	written := make(chan string, 16)
	out := cli.WriterFunc(func(b []byte) error { written <- string(b); return nil })
	watching, end := context.WithCancel(ctx)
	code := make(chan int, 1)
	go func() {
		code <- run(watching, []string{"subscribe", "A", "--url", i.url}, cli.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard})
	}()
	for _, price := range []string{"1.10", "1.20"} {
		if err := ingestor.PublishAck(ctx, priced("A", price, 0)); err != nil {
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
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	i := demoServer(t)
	ingestor, err := client.DialIngestor(ctx, i.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ingestor.Close() //nolint:errcheck // the test ends
	if err := ingestor.PublishAck(ctx, priced("A", "1", 0)); err != nil {
		t.Fatal(err)
	}
	for failure, want := range map[error]int{io.ErrClosedPipe: cli.ExitDone, errors.New("disk full"): cli.ExitFailed} {
		out := cli.WriterFunc(func([]byte) error { return failure })
		if got := run(ctx, []string{"subscribe", "A", "--url", i.url}, cli.Streams{Out: out, Err: io.Discard}); got != want {
			t.Errorf("%v: exit code %d, want %d", failure, got, want)
		}
	}
}
