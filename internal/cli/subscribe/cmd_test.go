package subscribe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
		if err := ingestor.PublishAck(ctx, client.PriceUpdate{Instrument: "A", Price: client.Price(price)}); err != nil {
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

func TestLatencyIsSaidEachSecondAndAtTheEnd(t *testing.T) {
	ctx, url, ingestor := begin(t)
	said := make(chan string, 64)
	watching, end := context.WithCancel(ctx)
	code := make(chan int, 1)
	go func() {
		err := cli.WriterFunc(func(b []byte) error { said <- string(b); return nil })
		code <- clitest.Run(watching, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: err}, "A", "--latency", "--url", url)
	}()
	next := func() string {
		t.Helper()
		select {
		case line := <-said:
			return line
		case <-ctx.Done():
			t.Fatal("nothing is said")
			return ""
		}
	}
	if line := next(); line != "joined A\n" {
		t.Fatalf("said %q", line)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	each := regexp.MustCompile(`^latency: p50 \S+ [mu]?s, p99 \S+ [mu]?s, max \S+ [mu]?s of [\d,]+ prices, age on the connection \S+ [mu]?s\n$`)
	data := json.RawMessage(`{"pad":"` + strings.Repeat("x", 4000) + `"}`) // so that there are marks
	for line := ""; !each.MatchString(line); {
		select {
		case <-tick.C:
			if err := ingestor.Publish(ctx, client.PriceUpdate{Instrument: "A", Price: "1", Data: data}); err != nil {
				t.Fatalf("said last %q: %v", line, err)
			}
		case line = <-said:
		}
	}
	end()
	line := next()
	for strings.HasPrefix(line, "latency: ") {
		line = next()
	}
	if got := <-code; got != cli.ExitDone || !strings.HasPrefix(line, "latency in all: p50 ") {
		t.Errorf("exit code %d, said %q", got, line)
	}
}

func TestLatency(t *testing.T) {
	now := time.UnixMilli(1710000000000)
	price := func(ago time.Duration) client.PriceUpdate {
		return client.PriceUpdate{Stamp: &client.Stamp{At: now.Add(-ago)}}
	}
	l := newLatency()
	for ms := range 100 {
		l.take(price(time.Duration(1+ms)*time.Millisecond), now)
	}
	old := price(time.Hour)
	old.Snapshot = true
	l.take(old, now)
	if got := l.total(); len(got) != 1 || got[0] != "latency in all: p50 50.1 ms, p99 99.1 ms, max 100 ms of 100 prices" {
		t.Errorf("said %q", got)
	}
	l.take(price(-time.Second), now)
	l.take(client.PriceUpdate{}, now)
	want := []string{
		"the clock here is at least 1s behind that of an instance: the latencies are wrong",
		"1 price had no stamp and no latency: an instance is older than stamps",
	}
	if got := l.total(); len(got) != 3 || !slices.Equal(got[1:], want) {
		t.Errorf("said %q", got)
	}
}

// Names that do not end are not all read.
func TestTheNamesOfRoomsAreBounded(t *testing.T) {
	in := &endless{}
	file := filepath.Join(t.TempDir(), "rooms")
	if err := os.WriteFile(file, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"-", file} {
		var said strings.Builder
		code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: in, Out: io.Discard, Err: &said}, "--rooms-from="+from)
		const want = "--rooms-from has more than 16 MiB of names: name fewer rooms\n"
		if code != cli.ExitUsage || !strings.HasSuffix(said.String(), want) || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, said %s", from, code, &said)
		}
	}
	if in.read > 17<<20 {
		t.Errorf("read %d bytes", in.read)
	}
}

// A file that is one long line is not shown as a whole.
func TestALongNameOfARoomIsCutShort(t *testing.T) {
	long := strings.Repeat("A", 1<<20)
	for _, args := range [][]string{{long}, {"--rooms-from=-"}} {
		var said strings.Builder
		code := clitest.Run(t.Context(), t, &Cmd{}, cli.Streams{In: strings.NewReader(long), Out: io.Discard, Err: &said}, args...)
		if code != cli.ExitUsage || said.Len() > 500 || !strings.Contains(said.String(), `AAA...": the name `) {
			t.Errorf("exit code %d, said %d bytes: %s", code, said.Len(), said.String()[:min(said.Len(), 500)])
		}
	}
}

// endless is a list of rooms without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 40<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = "A\n"[(e.read+i)%2]
	}
	e.read += len(p)
	return len(p), nil
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
