package simulate

import (
	"bytes"
	"context"
	"io"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/internal/cli"
	"backbone/internal/cli/clitest"
	"backbone/internal/config"
	"backbone/internal/market"
	"backbone/internal/server/servertest"
	"backbone/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one uses it up.
const patience = 30 * time.Second

// run runs the command with flags until it ends by itself.
func run(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var o, e bytes.Buffer // each with one writer at a time: the command ends last
	code = clitest.Run(ctx, t, &Cmd{}, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e}, args...)
	return code, o.String(), e.String()
}

// withoutTimes are the lines of --print without what depends on when they were made.
func withoutTimes(lines string) string {
	return regexp.MustCompile(`,"ts":[0-9]+`).ReplaceAllString(lines, "")
}

func TestTheSameSeedHasTheSamePrices(t *testing.T) {
	printed := func(seed string) string {
		code, out, said := run(t, "--print", "--instruments", "40", "--rate", "500", "--count", "2000", "--seed", seed)
		if code != cli.ExitDone || strings.Count(out, "\n") != 2000 {
			t.Fatalf("code %d, %d lines, %s", code, strings.Count(out, "\n"), said)
		}
		return withoutTimes(out)
	}
	first := printed("7")
	if first != printed("7") {
		t.Error("two runs of one seed differ")
	}
	if first == printed("8") {
		t.Error("two runs of different seeds are the same")
	}
}

// What is published is what --print prints, and ends as asked.
func TestTheMarketIsPublished(t *testing.T) {
	const instruments, count = 20, 300
	url := servertest.Start(t, func(c *config.Serve) { c.MaxAge = 0 }).URL() // or a pause of this machine makes a slow reader
	conn, err := client.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var rooms []string
	for _, name := range market.Names(instruments) {
		rooms = append(rooms, "T_"+name)
	}
	if err := conn.Join(t.Context(), rooms...); err != nil {
		t.Fatal(err)
	}
	market := []string{"--instruments", "20", "--seed", "7", "--rate", "10000", "--prefix", "T_", "--count", "300"}
	code, out, said := run(t, append(market, "--url", url, "--retire")...)
	if code != cli.ExitDone || out != "" || !strings.Contains(said, "sent 300 prices in ") ||
		!strings.Contains(said, "simulating 20 instruments, T_BTC_USDT to T_") {
		t.Errorf("code %d, printed %q, said %s", code, out, said)
	}
	var got strings.Builder
	p := cli.NewPrinter(cli.Streams{Out: &got}, nil)
	for retired := 0; retired < instruments; {
		switch e := (<-conn.Events()).(type) {
		case client.PriceUpdate:
			if err := p.Print(e, time.Time{}); err != nil {
				t.Error(err)
			}
		case client.Retired:
			retired++
		case client.Conflated, nil:
			t.Fatalf("got %#v", e)
		}
	}
	if err := p.Flush(); err != nil {
		t.Error(err)
	}
	_, printed, _ := run(t, append(market, "--print")...)
	sequence, want := byInstrument(got.String()), byInstrument(printed)
	for i := range want {
		if len(sequence) != len(want) || sequence[i] != want[i] {
			t.Fatalf("%d prices were published and %d printed; the first that differs is %s", len(sequence), len(want), want[i])
		}
	}
}

// byInstrument are lines without times, in the order of their instruments and of each in its own: there is no order
// between rooms.
func byInstrument(lines string) []string {
	split := strings.Split(withoutTimes(lines), "\n")
	slices.SortStableFunc(split, func(a, b string) int {
		a, _, _ = strings.Cut(a, `"price"`)
		b, _, _ = strings.Cut(b, `"price"`)
		return strings.Compare(a, b)
	})
	return split
}

func TestRefusalsAreTold(t *testing.T) {
	url := servertest.Start(t, func(c *config.Serve) { c.MaxInstruments = 5 }).URL()
	code, _, said := run(t, "--url", url, "--instruments", "12", "--count", "12")
	if code != cli.ExitRejected || !strings.Contains(said, "sent 12 prices in ") || !strings.Contains(said, ", rejected 7 (too_many_instruments)") ||
		strings.Count(said, "a price was rejected: too_many_instruments: ") != 1 {
		t.Errorf("code %d, said %s", code, said)
	}
}

// A server that takes the credentials back ends the market, also between two prices and while instruments are retired.
func TestAFinalRefusalEndsIt(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		after string // what the server was published or the command said
	}{
		"busy":                  {[]string{"--rate=10000"}, "SIM_"},
		"waits for a price":     {[]string{"--rate=0.0001"}, "simulating"},
		"with retiring to come": {[]string{"--rate=10000", "--retire"}, "SIM_"},
		"retires":               {[]string{"--retire", "--count=1", "--rate=10000", "--instruments=5000"}, `"retire"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			srv := clienttest.NewServer()
			defer srv.Close()
			said := make(chan string, 100)
			hear := cli.WriterFunc(func(line []byte) error { said <- string(line); return nil })
			code := make(chan int, 1)
			go func() {
				defer close(said)
				code <- clitest.Run(ctx, t, &Cmd{}, cli.Streams{Out: io.Discard, Err: hear}, append(c.flags, "--url", srv.URL)...)
			}()
			text := <-said
			for !strings.Contains(text+strings.Join(srv.Published(), ""), c.after) && ctx.Err() == nil {
				runtime.Gosched()
			}
			srv.CloseWith(protocol.CloseUnauthorized, "the key was removed")
			for line := range said {
				text += line
			}
			const want = `^simulating .*\nsent [\d,]+ prices? in .*\nbackbone: ws://\S+ refuses: the server closed the connection: 4401 the key was removed\n$`
			if got := <-code; got != cli.ExitRefused || ctx.Err() != nil || !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("exit code %d, said %s", got, text)
			}
		})
	}
}

func TestARefusalAtTheStartEndsIt(t *testing.T) {
	for status, want := range map[int]string{401: "refuses without a valid key or token: set --api-key-file", 403: "refuses: the server answered 403 Forbidden"} {
		srv := clienttest.NewServer()
		defer srv.Close()
		srv.Refuse(status)
		code, out, said := run(t, "--url", srv.URL)
		if code != cli.ExitRefused || out != "" || strings.Count(said, "\n") != 1 || !strings.Contains(said, "backbone: "+srv.URL+" "+want) {
			t.Errorf("%d: code %d, said %s", status, code, said)
		}
	}
}

func TestALostConnectionIsTold(t *testing.T) {
	var said bytes.Buffer
	told := &tally{Streams: cli.Streams{Err: &said}}
	for range 2 {
		told.hear(client.Disconnected{Err: io.EOF})
	}
	told.hear(client.Connected{})
	told.hear(client.LeftOut{Conflated: 1200, Dropped: 3})
	if want := ", left out 1,203 while there was no connection, 1 lost connection: what was on its way then may be lost"; told.sum() != want {
		t.Errorf("sum %q, want %q", told.sum(), want)
	}
	if want := "EOF: trying to connect again\nconnected again\n"; said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

func TestItEndsInTime(t *testing.T) {
	url := servertest.Start(t).URL()
	if code, _, said := run(t, "--url", url, "--for", "50ms", "--rate", "1000"); code != cli.ExitDone || !strings.Contains(said, "sent ") {
		t.Errorf("code %d, said %s", code, said)
	}
	if code, _, said := run(t, "--url", "ws://127.0.0.1:1"); code != cli.ExitConnect || !strings.Contains(said, "does \"backbone serve\" run there") {
		t.Errorf("code %d, said %s", code, said)
	}
}

func TestWrongMarketsAreRefused(t *testing.T) {
	good := Cmd{Instruments: 1, Rate: 1, Volatility: 1}
	for want, change := range map[string]func(*Cmd){
		"--rate must be from":                  func(c *Cmd) { c.Rate = math.NaN() },
		"--instruments must be from 1":         func(c *Cmd) { c.Instruments = 10001 },
		"--volatility must be from 0 to 100":   func(c *Cmd) { c.Volatility = math.NaN() },
		"--bursts must be from 0 to 1":         func(c *Cmd) { c.Bursts = 1.1 },
		"--correlation must be from 0 to 1":    func(c *Cmd) { c.Correlation = -0.1 },
		"--count must be at least 0":           func(c *Cmd) { c.Count = -1 },
		"--for must be at least 0":             func(c *Cmd) { c.For = -1 },
		"--print and --retire exclude":         func(c *Cmd) { c.Print, c.Retire = true, true },
		`--prefix gives " BTC_USDT" a name th`: func(c *Cmd) { c.Prefix = " " },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
